//! The GPUs that a container sees: what its reservation gives it, and what CUDA_VISIBLE_DEVICES leaves of that.

use std::collections::BTreeSet;

use crate::compose::model::{DeviceRequest, Service};

const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";

/// GPUs of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Devices {
    All,
    /// By index on the host, or by UUID.
    These(BTreeSet<String>),
}

impl Devices {
    /// A GPU that both have, in words. An index and a UUID may mean the same one; that is not known here.
    pub(super) fn shared(&self, other: &Devices) -> Option<String> {
        match (self, other) {
            (Devices::All, Devices::All) => Some("every GPU".to_owned()),
            (Devices::All, Devices::These(ids)) | (Devices::These(ids), Devices::All) => {
                ids.first().map(|id| format!("GPU {id}"))
            }
            (Devices::These(own), Devices::These(theirs)) => {
                own.intersection(theirs).next().map(|id| format!("GPU {id}"))
            }
        }
    }
}

/// A container of another project that uses GPUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuUser {
    pub container: String,
    /// The requests that it was created with: a number (-1 means all), and indices or UUIDs.
    pub requests: Vec<(i64, Vec<String>)>,
    /// Its CUDA_VISIBLE_DEVICES.
    pub visible: Option<String>,
}

impl GpuUser {
    pub(super) fn devices(&self) -> Option<Devices> {
        let requests = self.requests.iter().map(|(count, ids)| (*count, ids.as_slice()));
        Some(narrowed(requested(requests)?, self.visible.as_deref()))
    }
}

/// The GPUs of some requests. A request with a number gets the first ones of the host, each time.
fn requested<'r>(requests: impl Iterator<Item = (i64, &'r [String])>) -> Option<Devices> {
    let mut found = None;
    for (count, ids) in requests {
        let devices: &mut BTreeSet<String> = found.get_or_insert_default();
        match ids {
            [] if count > 0 => devices.extend((0..count).map(|index| index.to_string())),
            [] => return Some(Devices::All),
            ids => devices.extend(ids.iter().cloned()),
        }
    }
    found.map(Devices::These)
}

/// What CUDA_VISIBLE_DEVICES leaves. A container numbers its GPUs from 0, in the order of the host.
fn narrowed(devices: Devices, visible: Option<&str>) -> Devices {
    let Some(indices) = visible.and_then(indices) else { return devices };
    let index_of = |index: &usize| match &devices {
        Devices::All => Some(index.to_string()),
        Devices::These(ids) => ids.iter().nth(*index).cloned(),
    };
    Devices::These(indices.iter().filter_map(index_of).collect())
}

/// The GPUs that a service reserves. None where nothing says it, as with `x-sofa.gpu` alone.
fn reserved(service: &Service) -> Option<Devices> {
    let of_deploy = service.deploy.as_ref().and_then(|deploy| deploy.resources.reservations.as_ref());
    let requests = of_deploy.map(|reserved| reserved.devices.as_slice()).unwrap_or_default().iter();
    let is_gpu = |request: &&DeviceRequest| request.capabilities.iter().any(|capability| capability == "gpu");
    let requests = requests.filter(is_gpu).chain(&service.gpus);
    requested(requests.map(|request| (request.count.0, request.device_ids.as_slice())))
}

fn visible(service: &Service) -> Option<&str> {
    service.environment.get(VISIBLE)?.as_deref()
}

/// The indices in a CUDA_VISIBLE_DEVICES; none where it names something else.
fn indices(value: &str) -> Option<Vec<usize>> {
    value.split(',').map(|index| index.trim().parse().ok()).collect()
}

/// The GPUs of the host that a service uses.
pub(super) fn devices(service: &Service) -> Option<Devices> {
    Some(narrowed(reserved(service)?, visible(service)))
}

/// Why CUDA_VISIBLE_DEVICES hides the GPUs that a service reserves, where it does: a container numbers them from 0.
pub(super) fn hidden(service: &Service) -> Option<String> {
    let Some(Devices::These(ids)) = reserved(service) else { return None };
    let missing = indices(visible(service)?)?.into_iter().find(|index| *index >= ids.len())?;
    let seen = match ids.len() {
        1 => "one GPU, number 0".to_owned(),
        count => format!("{count} GPUs, numbers 0 to {}", count - 1),
    };
    Some(format!("its container sees {seen}, so {VISIBLE}={missing} hides them"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::model::DeviceCount;

    fn service(ids: &[&str], count: i64, visible: Option<&str>) -> Service {
        let request = DeviceRequest {
            capabilities: vec!["gpu".into()],
            count: DeviceCount(count),
            device_ids: ids.iter().map(|id| id.to_string()).collect(),
            ..DeviceRequest::default()
        };
        let environment = visible.map(|value| (VISIBLE.to_owned(), Some(value.to_owned())));
        Service { gpus: vec![request], environment: environment.into_iter().collect(), ..Service::default() }
    }

    fn these(ids: &[&str]) -> Option<Devices> {
        Some(Devices::These(ids.iter().map(|id| id.to_string()).collect()))
    }

    #[test]
    fn a_number_means_the_first_gpus_and_a_variable_chooses_among_them() {
        assert_eq!(devices(&service(&[], 2, None)), these(&["0", "1"]));
        assert_eq!(devices(&service(&[], -1, None)), Some(Devices::All));
        assert_eq!(devices(&service(&[], -1, Some("1"))), these(&["1"]));
        assert_eq!(devices(&service(&["2"], 0, Some("0"))), these(&["2"]));
        assert_eq!(devices(&Service::default()), None);
    }

    #[test]
    fn a_container_numbers_its_gpus_from_zero() {
        let told = hidden(&service(&["1"], 0, Some("1"))).unwrap();
        assert_eq!(told, "its container sees one GPU, number 0, so CUDA_VISIBLE_DEVICES=1 hides them");
        assert_eq!(hidden(&service(&["1"], 0, Some("0"))), None);
        assert_eq!(hidden(&service(&[], -1, Some("1"))), None);
        assert_eq!(hidden(&service(&["1"], 0, Some("GPU-1f2e"))), None);
    }

    #[test]
    fn what_two_services_share_is_named() {
        let of = |service: Service| devices(&service).unwrap();
        let one = of(service(&["1"], 0, None));
        assert_eq!(one.shared(&of(service(&[], 2, None))).as_deref(), Some("GPU 1"));
        assert_eq!(one.shared(&of(service(&["0"], 0, None))), None);
        assert_eq!(one.shared(&Devices::All).as_deref(), Some("GPU 1"));
        assert_eq!(Devices::All.shared(&Devices::All).as_deref(), Some("every GPU"));
    }

    #[test]
    fn what_a_container_uses_is_read_as_what_a_service_reserves() {
        let user = |requests: &[(i64, &[&str])], visible: Option<&str>| {
            let of = |(count, ids): &(i64, &[&str])| (*count, ids.iter().map(|id| id.to_string()).collect());
            let visible = visible.map(str::to_owned);
            GpuUser { container: "x".into(), requests: requests.iter().map(of).collect(), visible }.devices()
        };
        assert_eq!(user(&[(1, &[])], None), these(&["0"]));
        assert_eq!(user(&[(-1, &[])], Some("2")), these(&["2"]));
        assert_eq!(user(&[(0, &["3"])], Some("0")), these(&["3"]));
        assert_eq!(user(&[], None), None);
    }
}
