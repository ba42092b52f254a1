//! `healthcheck` for the engine: durations in nanoseconds; absent values come from the image.

use bollard::models::HealthConfig;

use super::error::ConvertError;
use super::instance::Target;
use super::value::nanos;
use crate::compose::model::Service;
use crate::engine::api_version::ApiVersion;

pub(super) fn build(service: &Service, target: Target) -> Result<Option<HealthConfig>, ConvertError> {
    let Some(check) = &service.healthcheck else {
        return Ok(None);
    };
    if check.start_interval.is_some() && target.api < ApiVersion::SEVERAL_ENDPOINTS {
        let api = ApiVersion::SEVERAL_ENDPOINTS;
        return Err(ConvertError::too_old(service, "healthcheck.start_interval", api, "25"));
    }
    if check.start_interval.is_some_and(|interval| !interval.0.is_zero()) && check.start_period.is_none() {
        let reason = "it has no effect without `start_period`; write both, or neither";
        return Err(ConvertError::invalid(service, "healthcheck.start_interval", reason));
    }
    let test = match check.is_disabled() {
        true => vec!["NONE".to_owned()],
        false => check.test.0.clone(),
    };
    Ok(Some(HealthConfig {
        test: Some(test),
        interval: check.interval.map(|d| nanos(d.0)),
        timeout: check.timeout.map(|d| nanos(d.0)),
        retries: check.retries.map(|n| i64::try_from(n).unwrap_or(i64::MAX)),
        start_period: check.start_period.map(|d| nanos(d.0)),
        start_interval: check.start_interval.map(|d| nanos(d.0)),
    }))
}
