/** A file or object was seen and is gone: it was renamed when its segment was finished, or archived. Asking again finds it. */
export class VanishedFile extends Error {}
