//! Any text is YAML or it is not.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = sofa::testing::yaml::parse(sofa::testing::yaml::SourceId(0), text);
});
