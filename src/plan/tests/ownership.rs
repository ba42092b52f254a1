//! Whose data a first deploy would begin beside.

use super::*;
use crate::plan::ownership::{Claim, Former, formers, is_new};

/// A project `app-local` of one file with a volume `data` and one with a name of its own.
fn app() -> Case {
    let mut case = case();
    case.project.name = "app-local".into();
    case.project.compose_files = vec!["/srv/compose/local.yml".into()];
    for (key, name) in [("data", "app-local_data"), ("shared", "shared")] {
        let volume = model::Volume { name: name.into(), ..Default::default() };
        case.project.volumes.insert(key.into(), volume);
    }
    case
}

impl Case {
    /// A container of another project, from these files.
    fn of(self, project: &str, files: &str) -> Case {
        self.foreign(&format!("{project}-db-1"), Some(project), |container| {
            container.labels.insert("com.docker.compose.project.config_files".into(), files.into());
        })
    }

    fn in_mode(mut self, mode: &str) -> Case {
        let labels = &mut self.observed.foreign.last_mut().unwrap().labels;
        labels.insert("sofa.mode".into(), mode.into());
        self
    }

    fn other_volume(mut self, name: &str) -> Case {
        let volume = Volume {
            name: name.into(),
            driver: "local".into(),
            options: BTreeMap::new(),
            labels: BTreeMap::new(),
        };
        self.observed.foreign_volumes.push(volume);
        self
    }

    fn formers(&self) -> Vec<Former> {
        let siblings = ["app-dev".to_owned(), "app-production".to_owned()];
        let usual = ["compose".to_owned(), "app-dev".to_owned()];
        let claim = Claim { mode: "local", siblings: &siblings, usual: &usual };
        formers(&self.project, &self.observed, &claim)
    }
}

fn former(project: &str, containers: &[&str], volumes: &[&str]) -> Former {
    let owned = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
    Former { project: project.into(), containers: owned(containers), volumes: owned(volumes) }
}

#[test]
fn containers_of_exactly_the_same_files_are_found_with_their_volumes() {
    let case = app().of("old", "/srv/compose/local.yml").other_volume("old_data").other_volume("old_else");
    assert_eq!(case.formers(), [former("old", &["old-db-1"], &["old_data"])]);
    assert!(app().of("old", "/srv/compose/local.yml,/srv/x.yml").formers().is_empty());
    assert!(app().of("old", "/elsewhere/compose/local.yml").formers().is_empty());
}

#[test]
fn volumes_are_found_under_the_names_that_docker_compose_would_have_given() {
    let case = app().other_volume("compose_data").other_volume("stranger_data").other_volume("shared");
    assert_eq!(case.formers(), [former("compose", &[], &["compose_data"])]);
}

#[test]
fn resources_of_another_mode_are_not_this_modes() {
    let files = "/srv/compose/local.yml";
    assert!(app().of("app-dev", files).other_volume("app-dev_data").formers().is_empty());
    // Deployed by `sofa` in another mode, under a name that was changed since.
    assert!(app().of("old-dev", files).in_mode("dev").formers().is_empty());
    assert_eq!(app().of("old-local", files).in_mode("local").formers().len(), 1);
}

#[test]
fn a_project_is_new_as_long_as_nothing_carries_its_label() {
    let case = app();
    assert!(is_new(&case.project, &case.observed));
    let labels =
        |project: &str| BTreeMap::from([("com.docker.compose.project".to_owned(), project.to_owned())]);
    let mut with_volume = app();
    let volume = |labels| Volume {
        name: "app-local_data".into(),
        driver: "local".into(),
        options: BTreeMap::new(),
        labels,
    };
    with_volume.observed.volumes.push(volume(labels("app-local")));
    assert!(!is_new(&with_volume.project, &with_volume.observed));
    let mut with_network = app();
    let id = NetworkId("n".into());
    let network = Network {
        id,
        name: "app-local_default".into(),
        driver: "bridge".into(),
        labels: labels("app-local"),
        settings: Default::default(),
    };
    with_network.observed.networks.push(network);
    assert!(!is_new(&with_network.project, &with_network.observed));
    let with_container = app().found(running("web"));
    assert!(!is_new(&with_container.project, &with_container.observed));
}
