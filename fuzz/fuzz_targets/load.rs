//! Any text is a project or a list of problems that can be shown; a project prints and reads back.
#![no_main]

use sofa::testing::compose::load::{Input, Request, load};
use sofa::testing::compat::Dialect;
use sofa::testing::compose::{hash, render};
use sofa::testing::diag::Sources;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let request = Request {
        working_directory: "/nowhere".into(),
        files: vec![Input::Stdin(text.to_owned())],
        project_name: Some("fuzz".to_owned()),
        ..Request::default()
    };
    let mut sources = Sources::default();
    match load(&request, &mut sources) {
        Err(problems) => drop(problems.render(&sources, true)),
        Ok(loaded) => {
            for dialect in Dialect::ALL {
                drop(render::project_json(&loaded.project, dialect));
                drop(render::project_yaml(&loaded.project, dialect));
                for service in loaded.project.services.values() {
                    drop(hash::service(service, dialect));
                }
            }
        }
    }
});
