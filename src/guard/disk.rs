//! The room that is left where the engine keeps images, containers and volumes.

use std::path::Path;

use crate::diag::finding::{Finding, Place};

/// What is known of the engine's disk.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Disk {
    /// Bytes that are left.
    Free(u64),
    /// Why nobody can tell from here.
    Unknown(String),
}

/// No image can be unpacked any more, and soon no log written.
const FULL: u64 = 256 << 20;
/// One more release of an ordinary stack may not fit.
const SCARCE: u64 = 2 << 30;

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

/// Judges the room in a folder of this machine: the engine's data root.
pub(super) fn findings(root: &str) -> Option<Finding> {
    let disk = match rustix::fs::statvfs(Path::new(root)) {
        Ok(room) => Disk::Free(room.f_bavail.saturating_mul(room.f_frsize)),
        Err(error) => Disk::Unknown(format!("{root}: {error}")),
    };
    judge(root, &disk)
}

fn judge(root: &str, disk: &Disk) -> Option<Finding> {
    let place = Place::whole(root);
    let fix = "docker image prune, or give it a larger disk";
    match disk {
        Disk::Free(free) if *free < FULL => Some(Finding::error(
            "disk",
            format!("the engine's disk is full: {} left", mib(*free)),
            place,
            fix,
        )),
        Disk::Free(free) if *free < SCARCE => {
            Some(Finding::warning("disk", format!("the engine's disk has {} left", mib(*free)), place, fix))
        }
        Disk::Free(_) => None,
        Disk::Unknown(reason) => {
            let message = format!("the room on the engine's disk cannot be told: {reason}");
            Some(Finding::unchecked("disk", message, place, "df, on the engine's machine"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::finding::Severity;

    #[test]
    fn the_less_room_the_worse() {
        let severity =
            |free: u64| judge("/var/lib/docker", &Disk::Free(free)).map(|finding| finding.severity);
        assert_eq!(severity(FULL - 1), Some(Severity::Error));
        assert_eq!(severity(FULL), Some(Severity::Warning));
        assert_eq!(severity(SCARCE), None);
        let unknown = judge("/var/lib/docker", &Disk::Unknown("it is elsewhere".into())).unwrap();
        assert_eq!(unknown.severity, Severity::Unchecked);
    }
}
