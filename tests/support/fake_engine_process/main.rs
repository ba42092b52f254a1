//! The fake engine as a separate process: `cargo run --example fake-engine -- SOCKET [API] [IMAGE…]`. Prints its address, then
//! every request, and ends with its standard input.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::io::Read;
use std::path::Path;
use std::time::Duration;

#[allow(dead_code, unused_imports, reason = "tests use the rest of it")]
#[path = "../fake_engine/mod.rs"]
mod fake_engine;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let socket = arguments.next().expect("usage: fake-engine SOCKET [API] [IMAGE…]");
    let api = arguments.next().unwrap_or_else(|| "1.41".to_owned());
    let fake = fake_engine::FakeEngine::at(Path::new(&socket), &api);
    for image in arguments {
        fake.image(&image);
    }
    println!("{}", fake.address());
    let (ended, end) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        ended.send(()).ok();
    });
    let mut shown = 0;
    while end.recv_timeout(Duration::from_millis(20)).is_err() {
        let calls = fake.calls();
        for call in &calls[shown..] {
            println!("{call}");
        }
        shown = calls.len();
    }
}
