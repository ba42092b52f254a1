//! Any text is a template or it is not.
#![no_main]

use sofa::testing::compose::load::{Input, Request, load};
use sofa::testing::diag::Sources;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let quoted = text.replace('\'', "''");
    let request = Request {
        working_directory: "/nowhere".into(),
        files: vec![Input::Stdin(format!("services: {{a: {{image: x, labels: {{l: '{quoted}'}}}}}}"))],
        project_name: Some("fuzz".to_owned()),
        environment: [("A", "a"), ("B", "")].map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..Request::default()
    };
    let mut sources = Sources::default();
    if let Err(problems) = load(&request, &mut sources) {
        drop(problems.render(&sources, false));
    }
});
