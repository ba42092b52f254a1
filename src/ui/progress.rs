//! The progress of a run: passes its events to the printer of the chosen format.

use std::io::Write;
use std::time::{Duration, Instant};

use anstream::{AutoStream, ColorChoice};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::JoinHandle;

use super::board::Board;
use super::event::{Event, EventSender};
use super::format::{Format, size};
use super::live::{self, Canvas};
use super::plain::{Plain, SILENCE};
use super::{json, style};

/// A live display is redrawn this often without events, so that its times advance.
const REDRAW: Duration = Duration::from_millis(100);

/// A running display. Call [`Progress::finish`] to end it.
#[derive(Debug)]
pub struct Progress {
    sender: EventSender,
    task: JoinHandle<()>,
}

impl Progress {
    pub(super) fn begin(format: Format, color: ColorChoice) -> Progress {
        let (sender, receiver) = mpsc::unbounded_channel();
        let task = match format {
            Format::Live => tokio::spawn(show_live(receiver, color)),
            _ => tokio::spawn(show_lines(receiver, color, format)),
        };
        Progress { sender, task }
    }

    pub fn sender(&self) -> EventSender {
        self.sender.clone()
    }

    /// Shows the remaining events and ends the display. All other senders must be dropped before.
    pub async fn finish(self) {
        drop(self.sender);
        let _ = self.task.await;
    }
}

async fn show_lines(mut events: UnboundedReceiver<Event>, color: ColorChoice, format: Format) {
    let begin = Instant::now();
    let mut plain = Plain::default();
    let mut printed = begin;
    loop {
        let event = tokio::select! {
            event = events.recv() => match event { Some(event) => Some(event), None => return },
            () = tokio::time::sleep_until((printed + SILENCE).into()) => None,
        };
        let mut text = Vec::new();
        // Writing to memory does not fail.
        let _ = match (format, event) {
            (Format::Json, Some(event)) => json::print(&mut text, &event, jiff::Timestamp::now()),
            (Format::Json | Format::Quiet, _) => Ok(()),
            (_, Some(event)) => plain.print(&mut text, &event, begin.elapsed()),
            (_, None) => {
                printed = Instant::now();
                plain.still(&mut text, begin.elapsed())
            }
        };
        if !text.is_empty() {
            printed = Instant::now();
            // A closed terminal does not stop a run.
            let _ = AutoStream::new(std::io::stderr().lock(), color).write_all(&text);
        }
    }
}

async fn show_live(mut events: UnboundedReceiver<Event>, color: ColorChoice) {
    let begin = Instant::now();
    let mut board = Board::default();
    let mut canvas = Canvas::default();
    let mut clock = tokio::time::interval(REDRAW);
    let mut outcome = None;
    loop {
        let event = tokio::select! {
            event = events.recv() => match event { Some(event) => Some(event), None => break },
            _ = clock.tick() => None,
        };
        let mut out = AutoStream::new(std::io::stderr().lock(), color);
        match event {
            Some(Event::Note(text)) => above(&mut canvas, &mut out, &format!("note: {text}")),
            Some(Event::Warning(text)) => above(&mut canvas, &mut out, &format!("warning: {text}")),
            Some(Event::Outcome { text, .. }) => outcome = Some(text),
            Some(event) => board.apply(&event, begin.elapsed()),
            None => draw(&board, &mut canvas, &mut out, begin.elapsed()),
        }
    }
    let mut out = AutoStream::new(std::io::stderr().lock(), color);
    draw(&board, &mut canvas, &mut out, begin.elapsed());
    if let Some(text) = outcome {
        let _ = writeln!(out, "{text}");
    }
}

fn draw(board: &Board, canvas: &mut Canvas, out: &mut impl Write, now: Duration) {
    if board.title.is_empty() {
        return;
    }
    let (width, height) = size(std::io::stderr()).unwrap_or((80, 24));
    let _ = canvas.draw(out, &live::frame(board, now, usize::from(width), usize::from(height)));
}

fn above(canvas: &mut Canvas, out: &mut impl Write, line: &str) {
    let _ = canvas.clear(out);
    let _ = writeln!(out, "{}", style::strip_controls(line));
}
