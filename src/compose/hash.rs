//! stub
use super::Dialect;
use super::model::{Network, Service, Volume};
/// s
pub fn service(service: &Service, _d: Dialect) -> String {
    format!("{service:?}").len().to_string()
}
/// n
pub fn network(network: &Network, _d: Dialect) -> String {
    format!("{network:?}").len().to_string()
}
/// v
pub fn volume(volume: &Volume, _d: Dialect) -> String {
    format!("{volume:?}").len().to_string()
}
