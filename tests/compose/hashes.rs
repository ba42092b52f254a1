//! The config hashes in the labels that docker compose 2.40.3, 5.0.2, 5.5.1 and 5.6.0 wrote when they created these networks,
//! volumes and containers.

use sofa::testing::compat::Dialect;
use sofa::testing::compat::Dialect::{V2, V5, V5_5};
use sofa::testing::compose::hash;

use crate::support::load_text;

const FILE: &str = "
name: sofanh
services:
  a: {image: sofa-compose-case, networks: [n, default], volumes: ['v1:/x', 'v2:/y']}
  b: {image: sofa-compose-case, volumes: ['/etc:/etc/outside:ro', {type: bind, source: /etc, target: /long, bind: {create_host_path: false}}]}
  c: {image: sofa-compose-case, user: '5', environment: {A: b}, pre_start: [{command: [prepare, '1']}, {command: move, image: 'sofa-compose-case:latest', environment: {A: c}}]}
networks:
  n: {driver: bridge, labels: {a: b}, internal: true, driver_opts: {com.docker.network.bridge.name: sofanh0}, ipam: {config: [{subnet: 10.77.0.0/24}]}}
volumes:
  v1:
  v2: {labels: {c: d}}
";

#[test]
fn hashes_equal_the_labels() {
    // The project's name is part of the names of networks and volumes.
    let text = FILE.replace("sofanh\n", "test\n");
    let project = load_text(&text).0.expect("loads").project;
    let network = |key: &str, dialect| {
        let mut network = project.networks[key].clone();
        network.name = format!("sofanh_{key}");
        hash::network(&network, dialect)
    };
    let volume = |key: &str, dialect| {
        let mut volume = project.volumes[key].clone();
        volume.name = format!("sofanh_{key}");
        hash::volume(&volume, dialect)
    };
    let service = |name: &str, dialect| hash::service(&project.services[name], dialect);
    for dialect in Dialect::ALL {
        assert_eq!(
            network("default", dialect),
            "0394a92c3110a34a70a595f98d02ae5fcca3274a7734b3ed6f32eb4e9cfd1183"
        );
        assert_eq!(network("n", dialect), "09ed7723b5706113917b0d39063ae1aaae507b616e74e8bde2b1c100dd124e9c");
        assert_eq!(volume("v1", dialect), "1be16381e890d90d36535271a271292d99e8df1b4be60eb3de93c3bc3fe5d74b");
        assert_eq!(volume("v2", dialect), "0d3fccd7ba05f29dd2dd15ec7d537c55d150c6745c134543b188f5ed0775ab2f");
        assert_eq!(service("a", dialect), "3e21d4dc368bff19aa97db210af200d385ef359c50572f635909e01e00287120");
    }
    for (name, dialect, label) in [
        ("b", V2, "9d0b07a80196b904de08f336c3dfee67c7f39ebc50e121164c0a96751ef4d229"),
        ("b", V5_5, "613e15f8b92a547549d2e1b26ebbfb6baa71d46e7d08297fb7caba26e130f29d"),
        ("b", V5, "613e15f8b92a547549d2e1b26ebbfb6baa71d46e7d08297fb7caba26e130f29d"),
        ("c", V5_5, "d61572dc61fec66c63923d188b49db11e932f5a0efd6e05afaf8186fdc97a5c5"),
        ("c", V5, "0a6d09d9d72ea7c5230411eeae85fb1c0c6a942d294c895eb904974d3917bc62"),
    ] {
        assert_eq!(service(name, dialect), label, "{name} in the dialect of {dialect}");
    }
}
