//! Which services a command acts on where files were read.

use super::*;

#[test]
fn a_job_that_the_scope_waits_for_joins_it_and_other_dependencies_do_not() {
    let case = case()
        .with("migrate", |service| after(service, "db", Condition::Healthy))
        .with("web", |service| {
            after(service, "migrate", Condition::CompletedSuccessfully);
            after(service, "cache", Condition::Started);
        })
        .service("db")
        .service("cache")
        .found(running("cache"))
        .found(running("db"));
    let web = Selection::Named(vec!["web".into()]);
    let resolve = |observed: &Observed| {
        scope::resolve(&case.project, &web, &crate::settings::Backend::default(), Deps::None, observed)
    };
    assert_eq!(resolve(&case.observed).unwrap(), ["migrate", "web"]);
    let missing = resolve(&Observed::default()).unwrap_err();
    let names: Vec<&str> = missing.iter().map(|gap| gap.dependency.as_str()).collect();
    assert_eq!(names, ["db", "cache"]);
}

#[test]
fn a_rollback_brings_back_everything_but_jobs() {
    let case = case()
        .service("db")
        .with("migrate", |migrate| after(migrate, "db", Condition::Started))
        .with("web", |web| after(web, "migrate", Condition::CompletedSuccessfully))
        .service("idle");
    let backend = crate::settings::Backend::default();
    let order = scope::without_jobs(&case.project, &Selection::All, &backend);
    assert_eq!(order.iter().position(|name| *name == "migrate"), None);
    assert!(order.iter().position(|name| *name == "db") < order.iter().position(|name| *name == "web"));
    assert_eq!(order.len(), 3);
    let named = Selection::Named(vec!["web".into(), "migrate".into()]);
    assert_eq!(scope::without_jobs(&case.project, &named, &backend), ["web"]);
}
