//! Questions on the terminal. Only a person's `y` or `yes` is a yes.

use std::io::IsTerminal;

use futures_util::future::OptionFuture;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Ui;

/// What a person answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Yes,
    /// No; anything that is not a yes, and the end of the input.
    No,
    /// Ctrl-C.
    Interrupted,
}

impl Ui {
    /// Whether there is somebody to be asked: the question is seen, and the answer is typed.
    pub fn can_ask(&self) -> bool {
        !self.ci && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Asks, and waits for a line.
    pub async fn ask(&self, question: &str) -> Answer {
        // Listened to before the question is seen: an early Ctrl-C is an answer too.
        let mut interrupts = signal(SignalKind::interrupt()).ok();
        self.tell(&format!("{question} [y/N] "));
        let typed = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).map(|_| line)
        });
        let answer = tokio::select! {
            biased;
            Some(Some(())) = OptionFuture::from(interrupts.as_mut().map(Signal::recv)) => Answer::Interrupted,
            line = typed => line.ok().and_then(Result::ok).map_or(Answer::No, |line| meant(&line)),
        };
        if answer != Answer::Yes {
            // The answer's line may have no end.
            self.tell("\n");
        }
        answer
    }
}

fn meant(line: &str) -> Answer {
    match line.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Answer::Yes,
        _ => Answer::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        for line in ["y\n", "Y\n", " yes \n", "YES"] {
            assert_eq!(meant(line), Answer::Yes, "{line:?}");
        }
        for line in ["", "\n", "n\n", "no\n", "yep\n", "ja\n"] {
            assert_eq!(meant(line), Answer::No, "{line:?}");
        }
    }
}
