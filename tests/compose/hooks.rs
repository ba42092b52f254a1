//! What of a hook may go into a label: only what stands in the file as it is.

use crate::support::load_with;

#[test]
fn what_a_variable_gave_and_what_is_named_like_a_secret_is_withheld() {
    let text = "services:
  web:
    image: x
    post_start:
      - command: [sh, -c, 'echo $$HOME']
        environment: {PLAIN: x, FROM: '${V}', API_KEY: literal}
      - command: [curl, 'http://${V}/']
        user: '${V}'
    pre_stop:
      - command: 'drain ${V}'
        environment: ['A=${V}', 'B=b']
";
    let (loaded, _) = load_with(text, &[("V", "secret")]);
    let loaded = loaded.unwrap();
    let web = loaded.project.service("web").unwrap();
    let withheld: Vec<_> =
        web.post_start.iter().chain(&web.pre_stop).map(|hook| hook.withheld.clone()).collect();
    assert_eq!(
        withheld,
        [
            vec!["environment.API_KEY", "environment.FROM"],
            vec!["command", "user"],
            vec!["command", "environment.A"]
        ]
    );
}
