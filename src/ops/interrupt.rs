//! Signals while a plan runs: what asks it to end, and what ends it at once. A closed terminal does not matter.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::apply::executor::Interrupt;

/// Listens until the process ends. Ctrl-C and SIGTERM ask the run to end; Ctrl-C a second time, to end at once. SIGTERM never
/// counts as the second: `make` passes on what its whole group got already, and a CI runner sends SIGTERM some seconds
/// after SIGINT, both of which would break off an undo. SIGHUP is ignored: a deploy goes on when its terminal is closed.
pub fn listen() -> Interrupt {
    let interrupt = Interrupt::default();
    let (end, abort) = (interrupt.end.clone(), interrupt.abort.clone());
    tokio::spawn(async move {
        let hangup = signal(SignalKind::hangup());
        let mut int = signal(SignalKind::interrupt()).ok();
        let mut term = signal(SignalKind::terminate()).ok();
        let mut pressed = 0;
        while pressed < 2 {
            tokio::select! {
                () = received(&mut int) => pressed += 1,
                () = received(&mut term) => {}
            }
            end.cancel();
        }
        abort.cancel();
        drop(hangup);
    });
    interrupt
}

/// Ends with the next signal; never where the signal cannot be listened to.
async fn received(signal: &mut Option<Signal>) {
    if let Some(signal) = signal
        && signal.recv().await.is_some()
    {
        return;
    }
    std::future::pending().await
}
