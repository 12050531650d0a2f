/* global AbortController */
// The program behind the `walr` script. Old versions of Node must get as far as the message below, so this file keeps to
// syntax that they know and imports nothing before it.
var isRestoreCommand = process.argv[2] === 'restore-command'
var isArchiveCommand = process.argv[2] === 'archive-command'
var failureStatus = isRestoreCommand ? 255 : 1

// Node would open a port for its debugger. A process that is sent this signal by mistake just ends, as others do.
process.once('SIGUSR1', function () {
  process.kill(process.pid, 'SIGUSR1')
})

/** Whether the program got to its end: a promise that nothing settles lets Node end in the middle, with status 0. */
var finished = false
process.on('exit', function (status) {
  if (finished || status !== 0) return
  process.stderr.write('walr: error: nothing is left to do, but walr is not done: it waits for what never comes\n')
  process.stderr.write('walr: hint: A plugin may be waiting for nothing. "--verbose" tells how far it came.\n')
  process.exitCode = failureStatus
})

/** Ends at once; for what must not happen. */
function fail(message, hint) {
  process.stderr.write('walr: error: ' + message + '\nwalr: hint: ' + hint + '\n')
  process.exit(failureStatus)
}

function failUnexpectedly(error) {
  if (error && error.code === 'ERR_MODULE_NOT_FOUND' && String(error.message).indexOf('dist') >= 0) {
    fail('walr is not built: ' + error.message, 'Run "npm run build" in the checkout, or install @walr/core again.')
  }
  if (process.argv.indexOf('--verbose') > 0) process.stderr.write(((error && error.stack) || error) + '\n')
  fail('unexpected: ' + ((error && error.message) || error), 'Run again with "--verbose" and report the stack trace.')
}

/** The commands that PostgreSQL runs: oclif would cost them time, and their status is all that PostgreSQL sees. */
function postgresCommand(run) {
  // Whatever way this process ends before it knows the answer, it is none that PostgreSQL relies on.
  process.exitCode = failureStatus
  process.on('uncaughtException', failUnexpectedly)
  var stop = new AbortController()
  var stopSignal
  ;['SIGTERM', 'SIGINT'].forEach(function (name) {
    process.once(name, function () {
      stopSignal = name
      stop.abort()
    })
  })
  return run(process.argv.slice(3), {
    environment: process.env,
    workingDirectory: process.cwd(),
    writeOutput: function (text) {
      process.stdout.write(text)
    },
    signal: stop.signal,
  }).then(function (status) {
    finished = true
    process.exitCode = status
    // PostgreSQL knows its own shutdown by the signal that its command died of.
    if (stopSignal) process.kill(process.pid, stopSignal)
  })
}

function restoreCommand(argv, context) {
  return import('../dist/app/recovery/restore-command.js').then(function (module) {
    return module.restoreCommand(argv, context)
  })
}

function archiveCommand(argv, context) {
  return import('../dist/app/archive-command/archive-command-entry.js').then(function (module) {
    return module.archiveCommandEntry(argv, context)
  })
}

/** The first line of oclif's message; what it announces with a colon stands on those below. */
function oneLine(message) {
  var lines = message.split('\n').map(function (line) {
    return line.trim().replace(/ {2,}/g, ': ')
  })
  if (lines[0].slice(-1) !== ':') return lines[0]
  var more = lines.slice(1).filter(function (line) {
    return line !== '' && line.indexOf('See more help') !== 0
  })
  return lines[0] + ' ' + more.join('; ')
}

/** Errors of oclif's own have `oclif`; their status is 2, and PostgreSQL's programs have 1. */
function report(error) {
  if (error && error.code === 'EEXIT') {
    process.exitCode = error.oclif && typeof error.oclif.exit === 'number' ? error.oclif.exit : 1
    return
  }
  if (error && error.oclif) fail(oneLine(String(error.message)), 'Try "walr --help" for more information.')
  failUnexpectedly(error)
}

function commands() {
  // Before oclif's own listener, which throws. A reader that has seen enough (EPIPE) is no error.
  process.stdout.on('error', function (error) {
    if (error.code !== 'EPIPE')
      fail('could not write to standard output: ' + error.message, 'See where the output goes.')
  })
  return import('@oclif/core').then(function (oclif) {
    // Otherwise oclif loads a TypeScript compiler when NODE_ENV says "test" or "development".
    oclif.settings.enableAutoTranspile = false
    // oclif's own plugins of a user are not walr's: it would read the data directory at every start.
    return oclif
      .run(process.argv.slice(2), { root: import.meta.filename, userPlugins: false })
      .catch(report)
      .then(function () {
        // A reader that has gone away is waited for in vain.
        finished = true
        return oclif.flush()
      })
  })
}

/** A daemon would carry oclif in its memory for ever; only its help needs it. */
function receive() {
  return import('../dist/app/receive-entry.js')
    .then(function (module) {
      return module.receiveEntry(process.argv.slice(3))
    })
    .then(function (outcome) {
      if (outcome !== 'done') return commands()
    })
}

if (parseInt(process.versions.node, 10) < 24) {
  fail(
    'walr needs Node 24 or newer; this is ' + process.version + ' (' + process.execPath + ')',
    'Install a newer Node, or set WALR_NODE to the path of one.',
  )
} else if (isRestoreCommand || isArchiveCommand) {
  postgresCommand(isRestoreCommand ? restoreCommand : archiveCommand).catch(failUnexpectedly)
} else {
  ;(process.argv[2] === 'receive' ? receive() : commands()).catch(failUnexpectedly).then(function () {
    finished = true
  })
}
