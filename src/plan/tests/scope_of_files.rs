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
fn services_that_go_back_alone_take_nothing_along() {
    let case = case()
        .service("db")
        .with("migrate", |migrate| after(migrate, "db", Condition::Started))
        .with("web", |web| after(web, "migrate", Condition::CompletedSuccessfully));
    let backend = crate::settings::Backend::default();
    assert_eq!(scope::alone(&case.project, &Selection::All, &backend), ["db", "migrate", "web"]);
    let named = Selection::Named(vec!["web".into(), "db".into()]);
    assert_eq!(scope::alone(&case.project, &named, &backend), ["db", "web"]);
}
