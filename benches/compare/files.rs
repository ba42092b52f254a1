//! Compose files to read: many services with ports, volumes, variables, dependencies and healthchecks.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;

/// A folder with one Compose file, removed with its owner.
pub struct Files {
    folder: TempDir,
}

impl Files {
    pub fn write(services: usize) -> Result<Self> {
        let mut file = String::from("name: sofa-bench\nservices:\n");
        for number in 0..services {
            service(number, &mut file)?;
        }
        file += "volumes:\n";
        for number in 0..services {
            writeln!(file, "  data-{number}:")?;
        }
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("compose.yaml"), file)?;
        Ok(Self { folder })
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn service(number: usize, file: &mut String) -> Result<()> {
    let (port, other) = (10_000 + number, 30_000 + number);
    write!(
        file,
        "  service-{number}:
    image: registry.example/service-{number}:1.2
    command: [\"serve\", \"--port\", \"80\", \"--id\", \"{number}\"]
    ports:
      - \"{port}:80\"
      - \"127.0.0.1:{other}:81/udp\"
    volumes:
      - data-{number}:/var/lib/data
      - ./conf-{number}:/etc/service:ro
    environment:
      NAME: service-{number}
      MODE: ${{MODE:-production}}
      LEVEL: info
    healthcheck:
      test: [\"CMD\", \"curl\", \"-f\", \"http://localhost/\"]
      interval: 10s
      timeout: 3s
      retries: 5
    restart: unless-stopped
"
    )?;
    if number > 0 {
        writeln!(file, "    depends_on:\n      service-{}: {{condition: service_healthy}}", number / 2)?;
    }
    Ok(())
}
