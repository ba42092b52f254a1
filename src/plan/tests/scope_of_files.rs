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

#[test]
fn a_dependency_that_was_stopped_is_not_up_although_it_ended_with_0() {
    let case = case()
        .service("db")
        .with("api", |api| after(api, "db", Condition::Healthy))
        .found(running("db").state(State::Exited(0)));
    let api = Selection::Named(vec!["api".into()]);
    let resolve = |case: &Case, deps| {
        let backend = crate::settings::Backend::default();
        let scope = scope::resolve(&case.project, &api, &backend, deps, &case.observed);
        scope.map(|names| names.into_iter().map(String::from).collect::<Vec<_>>())
    };
    assert_eq!(resolve(&case, Deps::Auto).unwrap(), ["db", "api"]);
    assert_eq!(resolve(&case, Deps::None).unwrap_err()[0].found, "exited (0)");

    let case = self::case()
        .service("db")
        .with("api", |api| after(api, "db", Condition::Healthy))
        .found(running("db").health(Health::Starting));
    assert_eq!(resolve(&case, Deps::Auto).unwrap(), ["api"], "what runs is not touched");
    assert_eq!(resolve(&case, Deps::None).unwrap_err()[0].found, "starting");
}
