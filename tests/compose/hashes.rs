//! The config hashes in the labels that docker compose 2.40.3 wrote when it created these networks, volumes and containers.

use sofa::compose::{Dialect, hash};

use crate::support::load_text;

const FILE: &str = "
name: sofanh
services:
  a: {image: sofa-compose-case, networks: [n, default], volumes: ['v1:/x', 'v2:/y']}
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
    let mut networks = project.networks.clone();
    for (key, network) in &mut networks {
        network.name = format!("sofanh_{key}");
    }
    let mut volumes = project.volumes.clone();
    for (key, volume) in &mut volumes {
        volume.name = format!("sofanh_{key}");
    }
    for dialect in Dialect::ALL {
        assert_eq!(
            hash::network(&networks["default"], dialect),
            "0394a92c3110a34a70a595f98d02ae5fcca3274a7734b3ed6f32eb4e9cfd1183"
        );
        assert_eq!(
            hash::network(&networks["n"], dialect),
            "09ed7723b5706113917b0d39063ae1aaae507b616e74e8bde2b1c100dd124e9c"
        );
        assert_eq!(
            hash::volume(&volumes["v1"], dialect),
            "1be16381e890d90d36535271a271292d99e8df1b4be60eb3de93c3bc3fe5d74b"
        );
        assert_eq!(
            hash::volume(&volumes["v2"], dialect),
            "0d3fccd7ba05f29dd2dd15ec7d537c55d150c6745c134543b188f5ed0775ab2f"
        );
        assert_eq!(
            hash::service(&project.services["a"], dialect),
            "3e21d4dc368bff19aa97db210af200d385ef359c50572f635909e01e00287120"
        );
    }
}
