//! What `convert` makes of a file is what `docker compose create` makes of it: both are created, inspected and compared.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;
use sofa::testing::compose::load::{Request, load};
use sofa::testing::compose::model::{Project, Service, ServiceName};
use sofa::testing::diag::Sources;
use sofa::testing::engine::convert::{self, ContainerLabels, Instance, Replica};
use sofa::testing::plan::observed::ContainerId;

use crate::support::real_engine::{TestProject, has_docker_compose, skip};

/// One service per group of rules; all may be created on Engine 20.10 without a GPU.
const RULES: &str = r#"
services:
  plain:
    image: ${BUSYBOX}
    command: [sleep, "60"]
  process:
    image: "${BUSYBOX}"
    command: ["sh", "-c", "sleep 1"]
    entrypoint: ["/bin/busybox"]
    working_dir: /tmp
    user: "1000:1000"
    hostname: host
    domainname: example.org
    tty: true
    stdin_open: true
    init: true
    stop_signal: SIGINT
    stop_grace_period: 1m30s
    labels: {own: "yes", empty: ""}
    environment: {A: "1", EMPTY: "", FROM_SHELL: , "B": "x=y $$HOME"}
    env_file: [env.list]
    platform: linux/amd64
    runtime: runc
  health:
    image: ${BUSYBOX}
    command: [sleep, "60"]
    healthcheck: {test: ["CMD", "true"], interval: 1m30s, timeout: 10s, retries: 4, start_period: 5s}
  health_shell:
    image: ${BUSYBOX}
    command: [sleep, "60"]
    healthcheck: {test: "true || false", interval: 2s}
  health_off:
    image: ${BUSYBOX}
    command: [sleep, "60"]
    healthcheck: {disable: true}
  ports:
    image: ${BUSYBOX}
    command: [sleep, "60"]
    ports: ["127.0.0.1:18080:80", "18081-18082:81-82/udp", "83", "18090-18095:9", {target: 84, mode: host, published: "18084"}]
    expose: ["90/tcp", "91/udp"]
  limits:
    image: ${BUSYBOX}
    command: [sleep, "60"]
    mem_limit: 64m
    memswap_limit: 128m
    mem_reservation: 32m
    cpus: 0.5
    cpu_shares: 512
    cpuset: "0"
    pids_limit: 50
    oom_score_adj: 100
    shm_size: 16m
    ulimits: {nproc: 100, nofile: {soft: 10, hard: 20}}
    sysctls: {net.core.somaxconn: 1024}
    blkio_config: {weight: 300}
    device_cgroup_rules: ["c 1:3 mr"]
    devices: ["/dev/null:/dev/mynull:r"]
    storage_opt: {}
  deploy:
    image: ${BUSYBOX}
    command: [sleep, "60"]
    deploy:
      resources:
        limits: {cpus: "0.25", memory: 50m, pids: 20}
        reservations: {memory: 20m}
      restart_policy: {condition: on-failure, max_attempts: 3}
  deploy_any:
    image: ${BUSYBOX}
    command: [sleep, "60"]
    restart: "no"
    deploy: {restart_policy: {condition: any}}
  restart_always: {image: "${BUSYBOX}", command: [sleep], restart: always}
  restart_unless: {image: "${BUSYBOX}", command: [sleep], restart: unless-stopped}
  restart_failure: {image: "${BUSYBOX}", command: [sleep], restart: "on-failure:5"}
  security:
    image: ${BUSYBOX}
    command: [sleep, "60"]
    cap_add: [NET_ADMIN]
    cap_drop: [ALL]
    privileged: true
    read_only: true
    security_opt: ["no-new-privileges:true", "seccomp:profile.json", "label=disable"]
    group_add: ["100", daemon]
    userns_mode: host
    cgroup: host
    cgroup_parent: sofa-test
    ipc: shareable
    pid: host
    uts: host
  unmasked:
    image: ${BUSYBOX}
    command: [sleep, "60"]
    security_opt: ["systempaths=unconfined", "seccomp=unconfined"]
  names:
    image: ${BUSYBOX}
    command: [sleep, "60"]
    dns: [9.9.9.9]
    dns_search: [example.org]
    dns_opt: ["ndots:2"]
    extra_hosts: ["a=10.0.0.1", "b:10.0.0.2", "six=::1"]
    links: ["plain", "plain:other"]
    external_links: ["elsewhere:there"]
  networks:
    image: ${BUSYBOX}
    command: [sleep, "60"]
    mac_address: 02:42:ac:11:65:43
    networks:
      front: {aliases: [web, www], ipv4_address: 10.77.1.5}
      back: {priority: 1000, driver_opts: {com.example.x: "1"}}
  netmode: {image: "${BUSYBOX}", command: [sleep], network_mode: none}
  nethost: {image: "${BUSYBOX}", command: [sleep], network_mode: host}
  shared:
    image: ${BUSYBOX}
    command: [sleep, "60"]
    network_mode: service:plain
    ipc: service:security
    pid: service:plain
    volumes_from: [plain]
  mounts:
    image: ${BUSYBOX}
    command: [sleep, "60"]
    volumes:
      - data:/data
      - data:/readonly:ro
      - ./folder:/folder
      - ./folder:/folder_ro:ro,z
      - /anonymous
      - {type: volume, target: /anonymous2}
      - {type: volume, source: data, target: /nocopy, volume: {nocopy: true}}
      - {type: bind, source: ./folder, target: /nocreate, bind: {create_host_path: false}}
      - {type: bind, source: ./folder, target: /slave, read_only: true, bind: {propagation: rslave, create_host_path: true}}
      - {type: tmpfs, target: /scratch, tmpfs: {size: 1m, mode: 0700}}
    tmpfs: ["/run:size=1m", /var/tmp]
  files:
    image: ${BUSYBOX}
    command: [sleep, "60"]
    configs: [file_config, {source: file_config, target: /etc/other}]
    secrets: [file_secret, {source: file_secret, target: renamed}]
  logging:
    image: ${BUSYBOX}
    command: [sleep, "60"]
    logging: {driver: json-file, options: {max-size: 1m, max-file: "2"}}
  gpus:
    image: ${BUSYBOX}
    command: [sleep, "60"]
    deploy:
      resources:
        reservations:
          devices: [{driver: x, count: 2, capabilities: [gpu, compute], options: {a: b}}]
  named:
    image: ${BUSYBOX}
    command: [sleep, "60"]
    container_name: ${PROJECT}-named-container
    depends_on: {health: {condition: service_healthy}, plain: {condition: service_started, restart: true}}
networks:
  front: {ipam: {config: [{subnet: 10.77.1.0/24, ip_range: 10.77.1.0/25, gateway: 10.77.1.1, aux_addresses: {x: 10.77.1.9}}]}, labels: {own: "yes"}}
  back: {ipam: {config: [{subnet: 10.77.3.0/24}]}, internal: true, attachable: true, driver_opts: {com.docker.network.bridge.enable_icc: "false"}}
volumes:
  data: {labels: {own: "yes"}, driver_opts: {type: tmpfs, device: tmpfs, o: size=1m}}
configs:
  file_config: {file: ./config.txt}
secrets:
  file_secret: {file: ./secret.txt}
"#;

/// The model as the loader reads it.
fn model(test: &TestProject) -> Project {
    let request = Request {
        working_directory: test.folder().canonicalize().unwrap(),
        project_name: Some(test.name().to_owned()),
        environment: test.environment().clone(),
        ..Request::default()
    };
    match load(&request, &mut Sources::default()) {
        Ok(loaded) => loaded.project,
        Err(problems) => panic!("{problems:?}"),
    }
}

fn inspect(kind: &str, names: &[String]) -> Vec<Value> {
    let output = Command::new("docker").args([kind, "inspect"]).args(names).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What must differ between two containers made one after the other, and what engines and docker compose shuffle.
fn comparable(mut container: Value) -> Value {
    let drop = |value: &mut Value, keys: &[&str]| {
        for key in keys {
            value.as_object_mut().unwrap().remove(*key);
        }
    };
    drop(&mut container, &["Id", "Created", "State", "GraphDriver", "Name"]);
    for path in ["ResolvConfPath", "HostnamePath", "HostsPath", "LogPath", "NetworkSettings"] {
        if path != "NetworkSettings" {
            drop(&mut container, &[path]);
        }
    }
    let settings = container["NetworkSettings"].as_object_mut().unwrap();
    settings.retain(|key, _| key == "Networks");
    if container["Config"]["Hostname"].as_str().is_some_and(|name| name.len() == 12) {
        container["Config"]["Hostname"] = "its short id".into();
    }
    for (_, endpoint) in container["NetworkSettings"]["Networks"].as_object_mut().unwrap() {
        let aliases = endpoint["Aliases"].as_array_mut();
        if let Some(aliases) = aliases {
            aliases.retain(|alias| {
                alias.as_str().is_none_or(|a| a.len() != 12 || !a.bytes().all(|b| b.is_ascii_hexdigit()))
            });
        }
    }
    sort(&mut container["Config"]["Env"]);
    sort(&mut container["HostConfig"]["Binds"]);
    sort(&mut container["HostConfig"]["Mounts"]);
    sort(&mut container["HostConfig"]["Ulimits"]);
    sort(&mut container["HostConfig"]["ExtraHosts"]);
    let mounts = container["Mounts"].as_array_mut().unwrap();
    for mount in mounts.iter_mut() {
        let anonymous = mount["Name"].as_str().is_some_and(|name| name.len() == 64);
        if anonymous {
            mount["Name"] = "anonymous".into();
            mount["Source"] = "anonymous".into();
        }
    }
    sort(&mut container["Mounts"]);
    let depends_on = &mut container["Config"]["Labels"]["com.docker.compose.depends_on"];
    let mut dependencies: Vec<_> = depends_on.as_str().unwrap().split(',').map(str::to_owned).collect();
    dependencies.sort();
    *depends_on = dependencies.join(",").into();
    container
}

fn sort(list: &mut Value) {
    if let Some(list) = list.as_array_mut() {
        list.sort_by_key(Value::to_string);
    }
}

/// Leaves that differ, by path.
fn differences(path: &str, theirs: &Value, ours: &Value, found: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let (a, b) = (a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null));
                differences(&format!("{path}.{key}"), a, b, found);
            }
        }
        (a, b) if a == b => {}
        (a, b) => found.push(format!("{path}: docker compose {a}, sofa {b}")),
    }
}

fn parents_of(project: &Project, name: &str, created: &BTreeMap<ServiceName, ContainerId>) -> bool {
    let service = &project.services[name];
    let modes = [&service.network_mode, &service.ipc, &service.pid, &service.uts];
    let mut needed = modes
        .iter()
        .filter_map(|mode| mode.strip_prefix("service:"))
        .chain(service.volumes_from.iter().map(|entry| entry.split(':').next().unwrap()));
    let links = service.links.iter().map(|link| link.split(':').next().unwrap());
    needed.all(|other| created.contains_key(other)) && { links }.all(|other| created.contains_key(other))
}

fn instance(
    project: &Project,
    service: &Service,
    theirs: &Value,
    created: &BTreeMap<ServiceName, ContainerId>,
) -> Instance {
    let label = |name: &str| {
        theirs["Config"]["Labels"][format!("com.docker.compose.{name}")]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let labels = ContainerLabels {
        replica: Replica::Number(1),
        version: label("version"),
        config_hash: label("config-hash"),
        image_digest: label("image"),
        replaces: None,
        sofa: BTreeMap::new(),
    };
    let name = match service.container_name.as_str() {
        "" => format!("{}-{}-1", project.name, service.name),
        name => name.to_owned(),
    };
    let links = service.links.iter().map(|link| {
        let other = link.split(':').next().unwrap();
        (ServiceName::from(other), vec![(format!("{}-{other}-1", project.name), 1)])
    });
    Instance {
        final_name: name.clone(),
        name,
        image: service.image.clone(),
        labels: labels.build(project, service),
        parents: created.clone(),
        links: links.collect(),
        service_aliases: true,
        publish: true,
        ..Instance::default()
    }
}

#[tokio::test]
async fn containers_are_those_of_docker_compose() {
    let Some(mut test) = TestProject::new("parity").await else {
        return;
    };
    if !has_docker_compose() {
        return skip("docker compose is not installed: nothing to compare with");
    }
    let name = test.name().to_owned();
    test.env("PROJECT", &name).env("FROM_SHELL", "shell");
    test.file("compose.yaml", RULES);
    test.file("env.list", "C=from file\nA=loses\n");
    test.file("folder/x", "");
    test.file("config.txt", "config");
    test.file("secret.txt", "secret");
    test.file("profile.json", "{ \"defaultAction\": \"SCMP_ACT_ALLOW\" }");
    test.docker_compose(["create"]).ok();
    let project = model(&test);
    let names: Vec<String> = project
        .services
        .values()
        .map(|s| {
            if s.container_name.is_empty() {
                format!("{name}-{}-1", s.name)
            } else {
                s.container_name.clone()
            }
        })
        .collect();
    let theirs: BTreeMap<_, _> = project.services.keys().cloned().zip(inspect("container", &names)).collect();
    test.docker_compose(["rm", "-f", "-v"]).ok();

    let engine = test.engine();
    let mut created: BTreeMap<ServiceName, ContainerId> = BTreeMap::new();
    let mut waiting: Vec<ServiceName> = project.services.keys().cloned().collect();
    while !waiting.is_empty() {
        let (ready, rest): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|n| parents_of(&project, n, &created));
        assert!(!ready.is_empty(), "no order for {rest:?}");
        for key in ready {
            let service = &project.services[&key];
            let instance = instance(&project, service, &theirs[&key], &created);
            let new = convert::container(&project, service, &instance, engine.target()).unwrap();
            let id = engine.create(&new).await.unwrap_or_else(|error| panic!("{key}: {error}")).id;
            created.insert(key, id);
        }
        waiting = rest;
    }
    let mut found = Vec::new();
    for (key, ours) in project.services.keys().zip(inspect("container", &names)) {
        let mut theirs = theirs[key].clone();
        for mode in ["NetworkMode", "IpcMode", "PidMode"] {
            same_parent(&mut theirs["HostConfig"][mode], &ours["HostConfig"][mode]);
        }
        if key.as_str() == "shared" {
            theirs["HostConfig"]["VolumesFrom"] = ours["HostConfig"]["VolumesFrom"].clone();
        }
        differences(key, &comparable(theirs), &comparable(ours), &mut found);
    }
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}

/// The id of a parent differs, since it was created again too.
fn same_parent(theirs: &mut Value, ours: &Value) {
    let is_container = |value: &Value| value.as_str().is_some_and(|mode| mode.starts_with("container:"));
    if is_container(theirs) && is_container(ours) {
        *theirs = ours.clone();
    }
}

#[tokio::test]
async fn networks_and_volumes_are_those_of_docker_compose() {
    let Some(mut test) = TestProject::new("objects").await else {
        return;
    };
    if !has_docker_compose() {
        return skip("docker compose is not installed: nothing to compare with");
    }
    let name = test.name().to_owned();
    test.env("PROJECT", &name);
    let used =
        "{image: \"${BUSYBOX}\", command: [sleep], networks: [front, back], volumes: [\"data:/data\"]}";
    let (_, objects) = RULES.split_once("\nnetworks:\n  front:").unwrap();
    let (objects, _) = objects.split_once("\nconfigs:").unwrap();
    let objects = objects.replace("10.77.1.", "10.77.2.").replace("10.77.3.", "10.77.4.");
    test.file("compose.yaml", &format!("services:\n  a: {used}\nnetworks:\n  front:{objects}\n"));
    test.docker_compose(["create"]).ok();
    let project = model(&test);
    let networks: Vec<String> = project.networks.values().map(|n| n.name.clone()).collect();
    let volumes: Vec<String> = project.volumes.values().map(|v| v.name.clone()).collect();
    let theirs: Vec<Value> =
        inspect("network", &networks).into_iter().chain(inspect("volume", &volumes)).collect();
    test.docker_compose(["down", "-v"]).ok();
    let label = |object: &Value, name: &str| {
        object["Labels"][format!("com.docker.compose.{name}")].as_str().unwrap().to_owned()
    };
    let engine = test.engine();
    for ((key, network), theirs) in project.networks.iter().zip(&theirs) {
        let (version, hash) = (label(theirs, "version"), label(theirs, "config-hash"));
        let labels = convert::network_labels(&project, key, network, &version, &hash);
        engine.create_network(&convert::network(network, labels)).await.unwrap();
    }
    for ((key, volume), theirs) in project.volumes.iter().zip(&theirs[networks.len()..]) {
        let (version, hash) = (label(theirs, "version"), label(theirs, "config-hash"));
        let labels = convert::volume_labels(&project, key, volume, &version, &hash);
        engine.create_volume(&convert::volume(volume, labels)).await.unwrap();
    }
    let ours = inspect("network", &networks).into_iter().chain(inspect("volume", &volumes));
    let mut found = Vec::new();
    for (mut theirs, mut ours) in theirs.into_iter().zip(ours) {
        for object in [&mut theirs, &mut ours] {
            object
                .as_object_mut()
                .unwrap()
                .retain(|key, _| !["Id", "Created", "CreatedAt"].contains(&key.as_str()));
        }
        differences("object", &theirs, &ours, &mut found);
    }
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}
