package platform

// ReleaseProgram gives back the memory in which the system holds what the process has used of its own program so far: most of
// it is for the start. What is used again comes back from the file, or the system's cache of it, page by page. Where the
// system offers no such thing, it does nothing.
func ReleaseProgram() { releaseProgram() }
