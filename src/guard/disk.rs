//! The free space of the disk where the engine keeps images, containers and volumes.

use std::path::Path;

use crate::diag::finding::{Finding, Place};
use crate::util::disk;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Disk {
    /// Bytes.
    Free(u64),
    /// Why the free space is not known.
    Unknown(String),
}

/// Below this no image can be unpacked, and soon no log written.
const FULL: u64 = 256 << 20;
/// Below this one more release of an ordinary stack may not fit.
const SCARCE: u64 = 2 << 30;

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

/// `root` is the engine's data root, a folder on this machine.
pub(super) fn findings(root: &str) -> Option<Finding> {
    let disk = match disk::free(Path::new(root)) {
        Ok(free) => Disk::Free(free),
        Err(error) => Disk::Unknown(format!("{root}: {error}")),
    };
    judge(root, &disk)
}

fn judge(root: &str, disk: &Disk) -> Option<Finding> {
    let place = Place::whole(root);
    let fix = "run `docker image prune`, or use a larger disk";
    match disk {
        Disk::Free(free) if *free < FULL => Some(Finding::error(
            "disk",
            format!("disk of the engine is full: {} free", mib(*free)),
            place,
            fix,
        )),
        Disk::Free(free) if *free < SCARCE => Some(Finding::warning(
            "disk",
            format!("disk of the engine is almost full: {} free", mib(*free)),
            place,
            fix,
        )),
        Disk::Free(_) => None,
        Disk::Unknown(reason) => {
            let message = format!("cannot check the free space of the engine's disk: {reason}");
            Some(Finding::unchecked("disk", message, place, "run `df` on the engine's machine"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::finding::Severity;

    #[test]
    fn a_full_disk_is_an_error_and_an_almost_full_one_a_warning() {
        let severity =
            |free: u64| judge("/var/lib/docker", &Disk::Free(free)).map(|finding| finding.severity);
        assert_eq!(severity(FULL - 1), Some(Severity::Error));
        assert_eq!(severity(FULL), Some(Severity::Warning));
        assert_eq!(severity(SCARCE), None);
        let unknown = judge("/var/lib/docker", &Disk::Unknown("permission denied".into())).unwrap();
        assert_eq!(unknown.severity, Severity::Unchecked);
    }
}
