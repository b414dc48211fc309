//! Sweeps over families of networks: on this machine, and as a job array of a real Slurm that the test starts for itself.

mod common;

use common::{Place, refused};
use serde_json::Value;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const FAMILY: &str = "--family {4,8,16} --family conv{2,4}x3,8 --hold-out 50 --config tiny --set epochs=8 --set shift=0 --set batch=10";

fn trials(sweep: &Value) -> &Vec<Value> {
    sweep["trials"].as_array().unwrap()
}

#[test]
fn a_sweep_finds_the_smallest_net_and_remembers_its_trials() {
    let place = Place::new();
    let listed = place.json(&format!("sweep {FAMILY} --list"));
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 5);
    let parameters = |member: &Value| member["parameters"].as_u64().unwrap();
    assert!(
        listed
            .windows(2)
            .all(|pair| parameters(&pair[0]) <= parameters(&pair[1]))
    );
    // 16 inputs, 4 hidden, 4 classes.
    assert_eq!(parameters(&listed[0]), 16 * 4 + 4 + 4 * 4 + 4);

    let command = format!("sweep {FAMILY} --floor 80 --html sweep.html --base 100");
    let found = place.json(&command);
    assert_eq!(trials(&found).len(), 5);
    let best = &found["smallest"];
    let trial = &trials(&found)[best["trial"].as_u64().unwrap() as usize];
    let accuracy = |trial: &Value| trial["outcome"]["accuracy"].as_f64().unwrap();
    assert!(accuracy(trial) >= 0.8, "{found:#}");
    let smaller = trials(&found)
        .iter()
        .filter(|other| parameters(&other["member"]) < parameters(&trial["member"]));
    assert!(smaller.clone().all(|other| accuracy(other) < 0.8));
    let fewer = best["times_fewer_parameters"].as_f64().unwrap();
    let base = (16 * 100 + 100 + 100 * 4 + 4) as f64;
    assert_eq!(fewer, base / parameters(&trial["member"]) as f64);
    let page = String::from_utf8(place.read("sweep.html")).unwrap();
    assert_eq!(page.matches("<svg").count(), 3, "three pictures");
    // What was measured is what the saved image gives.
    let image = place.path(".work/mnist/sweep/smallest.thresh");
    let run = place.json(&format!("bench {} --count 40", image.display()));
    assert_eq!(run["mismatches"], 0, "{run:#}");
    assert_eq!(run["accuracy"], best["test_accuracy"], "{run:#}");

    let started = Instant::now();
    let again = place.thresh(&format!("{command} --json"));
    assert_eq!(
        serde_json::from_slice::<Value>(&again.stdout).unwrap(),
        found
    );
    let told = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(told.contains("5 of 5 trials are known already"), "{told}");
    assert!(started.elapsed() < Duration::from_secs(60));
    // One trial more costs one trial.
    let more = place.thresh(&format!("sweep --family 2 {FAMILY} --floor 80"));
    let told = String::from_utf8_lossy(&more.stderr).into_owned();
    assert!(told.contains("5 of 6 trials are known already"), "{told}");
    // Smallest first, until one holds; a trial that had begun beside it is kept.
    let command = format!("sweep {FAMILY} --floor 5 --stop --jobs 1 -o other");
    let stopped = place.json(&command);
    assert_eq!(trials(&stopped).len(), 1, "{stopped:#}");
    let none = place.thresh(&format!(
        "sweep {FAMILY} --floor 100 --set seed=5 --set epochs=1 --family {{}}"
    ));
    assert!(
        !place.path(".work/mnist/sweep/smallest.thresh").exists(),
        "what an earlier sweep found does not hold this floor"
    );
    assert_eq!(
        none.status.code(),
        Some(3),
        "no net reads every image after an epoch"
    );
}

#[test]
fn what_cannot_be_swept_is_refused() {
    let place = Place::new();
    refused(
        &place,
        "sweep --floor 101",
        1,
        &["--floor 101", "from 0 to 100"],
    );
    refused(&place, "sweep --jobs 0", 1, &["--jobs 0", "1 or more"]);
    refused(
        &place,
        "sweep --hold-out 50 --family conv{1,2 --list",
        1,
        &["a } behind every {"],
    );
    refused(
        &place,
        "sweep --hold-out 50 --family conv2x9 --list",
        1,
        &["has no place on a map of 4 x 4"],
    );
    refused(
        &place,
        "sweep --hold-out 50 --family 4 --base {4,8} --list",
        1,
        &["--base", "without alternatives"],
    );
    refused(
        &place,
        "sweep --hold-out 50 --family 4 --trial 1",
        1,
        &["--trial 1", "below 1"],
    );
    refused(
        &place,
        "sweep --hold-out 50 --family 4 --set speed=1",
        1,
        &["no such option"],
    );
    refused(
        &place,
        "sweep --hold-out 50 --family 4 --set hidden=9",
        1,
        &["hidden=9", "--family 9"],
    );
    refused(
        &place,
        "sweep --hold-out 50 --family 4 --base conv9x",
        1,
        &["--base", "a layer as 300"],
    );
    refused(
        &place,
        "sweep --hold-out 50 --family 4 --base conv2x9",
        1,
        &["--base", "has no place"],
    );
    refused(&place, "sweep --list --html x.html", 2, &["--html"]);
    let failed = place.thresh("sweep --family 4 --set rate=1e30 --hold-out 50 --config tiny");
    let told = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert_eq!(failed.status.code(), Some(1), "{told}");
    assert!(
        told.contains("trial 0 ended with") && told.contains("lower the rate"),
        "{told}"
    );
}

/// A Slurm of one controller and one node on this machine.
struct Slurm {
    configuration: PathBuf,
    daemons: Vec<Child>,
}

/// How long its node may take until it takes jobs.
const START: Duration = Duration::from_secs(60);

fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools")
}

fn tool(name: &str) -> Command {
    let mut command = Command::new(tools().join("bin").join(name));
    command.stdin(Stdio::null());
    command
}

impl Slurm {
    fn start(folder: &Path) -> Slurm {
        let plugins = tools().join("debian/usr/lib/x86_64-linux-gnu/slurm-wlm");
        let plugins = plugins.canonicalize().expect("scripts/setup unpacks Slurm");
        let said = |program: &str, word: &str| {
            let output = Command::new(program).arg(word).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().to_string()
        };
        let (host, user) = (said("uname", "-n"), said("id", "-un"));
        let host = host.split('.').next().unwrap();
        // Both stay free until the daemons take them, unless another program is quicker.
        let sockets = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let [first, second] = sockets.map(|socket| socket.local_addr().unwrap().port());
        let at = |name: &str| {
            let path = folder.join(name);
            std::fs::create_dir_all(&path).unwrap();
            path.display().to_string()
        };
        let text = format!(
            "ClusterName=here\nSlurmctldHost={host}(127.0.0.1)\nAuthType=auth/none\nCredType=cred/none\nSlurmUser={user}\nSlurmdUser={user}\n\
             SlurmctldPort={first}\nSlurmdPort={second}\nPluginDir={}\nStateSaveLocation={}\nSlurmdSpoolDir={}\n\
             SlurmctldPidFile={folder}/controller.pid\nSlurmdPidFile={folder}/node.pid\nProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\n\
             JobAcctGatherType=jobacct_gather/none\nSelectType=select/cons_tres\nSelectTypeParameters=CR_CPU\nMpiDefault=none\nReturnToService=2\n\
             NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN\nPartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP\n",
            plugins.display(),
            at("state"),
            at("spool"),
            folder = folder.display(),
        );
        let configuration = folder.join("slurm.conf");
        std::fs::write(&configuration, text).unwrap();
        let daemon = |name: &str| {
            let log = std::fs::File::create(folder.join(format!("{name}.log"))).unwrap();
            tool(name)
                .arg("-D")
                .env("SLURM_CONF", &configuration)
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
                .unwrap()
        };
        let slurm = Slurm {
            daemons: vec![daemon("slurmctld"), daemon("slurmd")],
            configuration,
        };
        let started = Instant::now();
        while !slurm.is_idle() {
            let log = |name| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
            assert!(
                started.elapsed() < START,
                "no node after {START:?}: {} {}",
                log("slurmctld.log"),
                log("slurmd.log")
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        slurm
    }

    fn is_idle(&self) -> bool {
        let output = tool("sinfo")
            .args(["--noheader", "--format=%T"])
            .env("SLURM_CONF", &self.configuration)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).trim() == "idle"
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        for daemon in &mut self.daemons {
            // It may have ended by itself; then nothing is left to stop.
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

#[test]
fn trials_run_as_a_job_array_of_slurm() {
    let place = Place::new();
    let folder = place.path("slurm");
    std::fs::create_dir_all(&folder).unwrap();
    let slurm = Slurm::start(&folder);
    let with_slurm = |words: &str| {
        let path = std::env::var("PATH").unwrap();
        let mut command = place.command(words);
        command.env("PATH", format!("{}:{path}", tools().join("bin").display()));
        command.env("SLURM_CONF", &slurm.configuration);
        command.output().unwrap()
    };
    let command = format!("sweep {FAMILY} --floor 50 --json");
    let array = with_slurm(&format!("{command} --slurm --sbatch=--time=10 -o array"));
    let told = String::from_utf8_lossy(&array.stderr).into_owned();
    assert_eq!(array.status.code(), Some(0), "{told}");
    assert!(told.contains("5 trials go to Slurm"), "{told}");
    let array: Value = serde_json::from_slice(&array.stdout).unwrap();
    let logs = std::fs::read_dir(place.path("array")).unwrap();
    let logs = logs.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("slurm-")
    });
    assert_eq!(logs.count(), 5, "a log for each element of the array");
    let here: Value = serde_json::from_slice(&place.thresh(&command).stdout).unwrap();
    assert_eq!(
        trials(&array),
        trials(&here),
        "where a trial runs changes nothing"
    );

    let failed = with_slurm(&format!("sweep {FAMILY} --set rate=1e30 --slurm -o failed"));
    let told = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert_eq!(failed.status.code(), Some(1), "{told}");
    assert!(told.contains("a trial failed"), "{told}");

    let mut alone = place.command(&format!("sweep {FAMILY} --slurm -o alone"));
    let alone = alone.env("PATH", place.path("empty")).output().unwrap();
    let told = String::from_utf8_lossy(&alone.stderr).into_owned();
    assert!(
        told.contains("sbatch") && told.contains("leave out --slurm"),
        "{told}"
    );
}
