//! Signals while a plan runs: the first asks it to end, the second ends it at once, a closed terminal does not matter.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::apply::executor::Interrupt;

/// Listens until the process ends. Ctrl-C and SIGTERM ask the run to end; again, to end at once. SIGHUP is ignored:
/// a deploy goes on when its terminal is closed.
pub fn listen() -> Interrupt {
    let interrupt = Interrupt::default();
    let (end, abort) = (interrupt.end.clone(), interrupt.abort.clone());
    tokio::spawn(async move {
        let hangup = signal(SignalKind::hangup());
        let mut int = signal(SignalKind::interrupt()).ok();
        let mut term = signal(SignalKind::terminate()).ok();
        next(&mut int, &mut term).await;
        end.cancel();
        next(&mut int, &mut term).await;
        abort.cancel();
        drop(hangup);
    });
    interrupt
}

async fn next(int: &mut Option<Signal>, term: &mut Option<Signal>) {
    tokio::select! {
        () = received(int) => {}
        () = received(term) => {}
    }
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
