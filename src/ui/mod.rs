//! The only module that prints. Producers send typed events; printers render them.

pub mod event;
