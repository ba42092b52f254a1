//! Opens the display that the settings name.

use anstream::ColorChoice;

use crate::settings::{Color, Progress, Settings};
use crate::ui::{Format, Ui};

pub fn open(settings: &Settings) -> Ui {
    let format = match settings.progress {
        Progress::Auto => None,
        Progress::Tty => Some(Format::Live),
        Progress::Plain => Some(Format::Plain),
        Progress::Json => Some(Format::Json),
        Progress::Github => Some(Format::Github),
        Progress::Quiet => Some(Format::Quiet),
    };
    let color = match settings.color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    };
    Ui::new(format, color, settings.ci)
}
