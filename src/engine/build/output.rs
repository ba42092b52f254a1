//! The output of the classic builder: lines, pulls of base images, the image's id, or the reason of a failure.

use std::collections::VecDeque;

use super::error::BuildError;
use crate::engine::call::Call;
use crate::engine::error::EngineError;
use crate::engine::image::{Message, PullProgress};
use crate::plan::observed::ImageId;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildEvent {
    /// Without the newline.
    Line(String),
    /// The pull of a base image.
    Pull(PullProgress),
}

/// Joins the builder's messages.
pub(super) struct Output {
    partial: String,
    tail: VecDeque<String>,
    keep: usize,
    image: Option<ImageId>,
}

impl Output {
    /// `keep`: how many last lines an error contains.
    pub(super) fn new(keep: usize) -> Output {
        Output { partial: String::new(), tail: VecDeque::new(), keep, image: None }
    }

    /// Reads one message. A failure in it is the failure of the build.
    pub(super) fn take(
        &mut self,
        value: serde_json::Value,
        on_event: &mut impl FnMut(BuildEvent),
    ) -> Result<(), BuildError> {
        let message: Message = serde_json::from_value(value).unwrap_or_default();
        if let Some(text) = &message.stream {
            self.text(text, on_event);
        }
        if let Some(id) = message.aux.as_ref().and_then(|aux| aux.get("ID")).and_then(|id| id.as_str()) {
            self.image = Some(ImageId(id.to_owned()));
        }
        match message.failure() {
            Some(message) => {
                self.flush(on_event);
                Err(BuildError::Failed { message, tail: self.tail.iter().cloned().collect() })
            }
            None => {
                if message.status.is_some() {
                    on_event(BuildEvent::Pull(PullProgress::of(message)));
                }
                Ok(())
            }
        }
    }

    /// The image, after the end of the output.
    pub(super) fn finish(
        mut self,
        call: &Call,
        on_event: &mut impl FnMut(BuildEvent),
    ) -> Result<ImageId, BuildError> {
        self.flush(on_event);
        let missing =
            || EngineError::Answer { call: call.to_string(), reason: "it contains no image id".to_owned() };
        self.image.ok_or_else(|| missing().into())
    }

    fn text(&mut self, text: &str, on_event: &mut impl FnMut(BuildEvent)) {
        self.partial.push_str(text);
        while let Some(end) = self.partial.find('\n') {
            let line: String = self.partial.drain(..=end).collect();
            self.line(line.trim_end(), on_event);
        }
    }

    fn flush(&mut self, on_event: &mut impl FnMut(BuildEvent)) {
        let rest = std::mem::take(&mut self.partial);
        self.line(rest.trim_end(), on_event);
    }

    fn line(&mut self, line: &str, on_event: &mut impl FnMut(BuildEvent)) {
        if line.is_empty() {
            return;
        }
        if self.tail.len() == self.keep {
            self.tail.pop_front();
        }
        self.tail.push_back(line.to_owned());
        on_event(BuildEvent::Line(line.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::BuildError;
    use super::{BuildEvent, Output};
    use serde_json::json;

    #[test]
    fn lines_are_joined_and_the_last_ones_are_kept() {
        let mut output = Output::new(2);
        let mut events = Vec::new();
        for text in ["Step 1/2 : FR", "OM x\n a\n", " b\n", "half"] {
            output.take(json!({ "stream": text }), &mut |event| events.push(event)).unwrap();
        }
        let failure =
            json!({"errorDetail": {"code": 3, "message": "it returned 3"}, "error": "it returned 3"});
        let error = output.take(failure, &mut |event| events.push(event)).unwrap_err();
        let BuildError::Failed { message, tail } = error else { panic!("{error}") };
        assert_eq!((message.as_str(), tail), ("it returned 3", vec![" b".to_owned(), "half".to_owned()]));
        assert_eq!(events[0], BuildEvent::Line("Step 1/2 : FROM x".to_owned()));
        assert_eq!(events.len(), 4);
    }
}
