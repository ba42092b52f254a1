//! Questions on the terminal. Only `y` and `yes` count as yes.

use std::io::IsTerminal;

use futures_util::future::OptionFuture;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Ui;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Yes,
    /// Any other answer, and the end of the input.
    No,
    /// Ctrl-C.
    Interrupted,
}

impl Ui {
    /// Whether a person can be asked: stdin and stderr are terminals.
    pub fn can_ask(&self) -> bool {
        !self.ci && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Asks, and reads one line.
    pub async fn ask(&self, question: &str) -> Answer {
        // Listens before the question is shown, so that an early Ctrl-C counts.
        let mut interrupts = signal(SignalKind::interrupt()).ok();
        self.print_to_stderr(&format!("{question} [y/N] "));
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
            // The line may end without a newline.
            self.print_to_stderr("\n");
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
