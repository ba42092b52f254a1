//! The Compose project that is deployed: many small services.

use std::fs;
use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;

/// A shell that ends at once when it is told to.
pub const COMMAND: [&str; 3] = ["sh", "-c", "trap 'exit 0' TERM; : > /tmp/ready; sleep 86400 & wait"];

/// A folder with a Compose file, removed with its owner.
pub struct Fleet {
    folder: TempDir,
}

impl Fleet {
    /// So many services of one image, each healthy as soon as somebody looks, in a project of this run alone: what
    /// another run may have left, such as a network that the engine does not give up, is not in its way.
    pub fn write(services: usize, image: &str) -> Result<Self> {
        let command = COMMAND.map(|word| format!("\"{word}\"")).join(", ");
        let mut file = format!(
            "name: sofa-bench-{}\n\
             x-service: &service\n\
             \x20 image: {image}\n\
             \x20 command: [{command}]\n\
             \x20 healthcheck: {{test: [CMD, test, -f, /tmp/ready], interval: 1s, timeout: 2s, retries: 30}}\n\
             services:\n",
            std::process::id(),
        );
        for number in 1..=services {
            file += &format!("  service-{number:02}: *service\n");
        }
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("compose.yaml"), file)?;
        Ok(Self { folder })
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
