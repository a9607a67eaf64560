//! Recognition of the operating system's limits: open files, threads and processes.

const FILES: &str = "The process or the machine has reached its limit of open files. Raise it (`ulimit -n`), close files and connections that are not needed, or lower `max_connections`.";
const THREADS: &str = "The user or the container has reached its limit of threads or processes. Raise it (`ulimit -u`, or the container's limit of processes), or end some.";

/// Returns the remedy for an error that a limit of the operating system caused, from the error's text: some errors, such
/// as panics of a library, have nothing else.
pub(crate) fn remedy(text: &str) -> Option<&'static str> {
    let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    // ENFILE, EMFILE, WSAEMFILE.
    if has(&["Too many open files", "(os error 23)", "(os error 24)", "(os error 10024)"]) {
        Some(FILES)
    } else if has(&["Resource temporarily unavailable", "(os error 11)", "(os error 35)"])
        && has(&["spawn", "thread", "runtime"])
    {
        Some(THREADS)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_apart_from_other_errors() {
        let files = std::io::Error::from_raw_os_error(24);
        #[cfg(unix)]
        assert_eq!(remedy(&files.to_string()), Some(FILES));
        let _ = files;
        let panic = "OS can't spawn worker thread: Resource temporarily unavailable (os error 11)";
        assert_eq!(remedy(panic), Some(THREADS));
        for other in
            ["Resource temporarily unavailable (os error 11)", "Connection refused (os error 111)", ""]
        {
            assert_eq!(remedy(other), None, "{other}");
        }
    }
}
