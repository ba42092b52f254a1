//! Any text is an env file or it is not.
#![no_main]

use sofa::testing::compose::load::{Input, Request, load};
use sofa::testing::diag::Sources;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let folder = std::env::temp_dir().join(format!("sofa-fuzz-{}", std::process::id()));
    if std::fs::create_dir_all(&folder).is_err() || std::fs::write(folder.join(".env"), text).is_err() {
        return;
    }
    let file = "services: {a: {image: x, env_file: [.env, {path: .env, format: raw}]}}";
    let request = Request {
        working_directory: folder.clone(),
        project_directory: Some(folder),
        files: vec![Input::Stdin(file.to_owned())],
        ..Request::default()
    };
    let mut sources = Sources::default();
    if let Err(problems) = load(&request, &mut sources) {
        drop(problems.render(&sources, false));
    }
});
