//! `security_opt`. Profiles are read here: the engine accepts their text, not their path.

use super::error::ConvertError;
use crate::compose::model::{Project, Service};

#[derive(Debug, Default)]
pub(super) struct Security {
    /// In the engine's form.
    pub(super) options: Vec<String>,
    /// Whether `systempaths=unconfined` removes the masks of /proc and /sys.
    pub(super) unmasked: bool,
}

pub(super) fn read(project: &Project, service: &Service) -> Result<Security, ConvertError> {
    let mut security = Security::default();
    for option in &service.security_opt {
        let (key, value) = option.split_once('=').or_else(|| option.split_once(':')).unwrap_or((option, ""));
        match (key, value) {
            ("systempaths", "unconfined") => security.unmasked = true,
            ("seccomp", profile) if !matches!(profile, "" | "unconfined" | "builtin") => {
                security.options.push(format!("seccomp={}", profile_text(project, service, profile)?));
            }
            _ => security.options.push(option.clone()),
        }
    }
    Ok(security)
}

/// A profile's JSON without white space. Relative paths are relative to the project's folder.
fn profile_text(project: &Project, service: &Service, profile: &str) -> Result<String, ConvertError> {
    let path = project.working_dir.join(profile);
    let failed = |source: std::io::Error| {
        ConvertError::file(service, "security_opt", &path.display().to_string(), source)
    };
    let text = std::fs::read(&path).map_err(failed)?;
    let value: serde_json::Value = serde_json::from_slice(&text).map_err(|error| failed(error.into()))?;
    Ok(value.to_string())
}
