//! The program itself inside a Linux guest of QEMU, whose PCI slot holds the Verilated engine: enumeration, sysfs, the mapped
//! BAR, and answers that are the reference's.

mod guest;

use guest::{Guest, PASSED};
use serde_json::Value;

/// Digits that the guest reads.
const DIGITS: u64 = 100;

#[test]
fn a_guest_reads_digits_on_the_engine_in_its_slot() {
    let bench = format!("/bin/thresh bench /net.thresh --device pcie: --count {DIGITS} --json");
    let ended = Guest::new("bench").run(&format!(
        "{bench} > /result || fail $?\n\
         cat /result\n\
         grep -q '\"inferences\": {DIGITS},' /result || fail 30\n\
         grep -q '\"wrong_logits\": 0$' /result || fail 31\n\
         pass\n"
    ));
    assert_eq!(
        (ended.status, ended.console.contains("\nPASS")),
        (Some(PASSED), true),
        "{ended}"
    );
    let json = ended.console.split_once("{\n").expect("a result").1;
    let json = json.split_once("\n}").expect("an end").0;
    let result: Value = serde_json::from_str(&format!("{{{json}}}")).expect("JSON");
    assert_eq!(result["mismatches"], 0, "{result}");
    assert_eq!(result["logits"], 10 * DIGITS, "{result}");
    assert_eq!(result["config"], "ulx3s-25f", "{result}");
    assert_eq!(result["device"], "pcie:", "{result}");
    // Every word of input and every logit went over the BAR.
    let bytes = result["uart_estimate"]["bytes_per_inference"].as_u64();
    let inputs = bytes.expect("a number") / 4 - 10;
    let (writes, reads) = (&ended.served["writes"], &ended.served["reads"]);
    assert!(
        inputs > 0 && writes.as_u64() > Some(inputs * DIGITS),
        "{ended}"
    );
    assert!(reads.as_u64() > Some(10 * DIGITS), "{ended}");
    assert_eq!(ended.served["strays"], 0, "{ended}");
    println!("{ended}");
}

#[test]
fn a_guest_is_told_what_is_wrong() {
    let ended = Guest::new("wrong").run(
        "thresh_devices=$(/bin/thresh devices --json)\n\
         echo \"$thresh_devices\" | grep -q '\"device\": \"pcie:0000:00:02.0\"' || fail 23\n\
         echo \"$thresh_devices\" | grep -q '\"config\": \"ulx3s-25f\"' || fail 24\n\
         said() { grep -q \"$1\" /said || { cat /said; fail 20; }; }\n\
         thresh() { /bin/thresh run /net.thresh --digit 0 --device \"$1\" 2> /said && fail 21; }\n\
         thresh pcie:00:1e.0; said 'there is no PCIe device 0000:00:1e.0'\n\
         thresh pcie:00:00.0; said 'has the id 8086:1237, expected 1204:5448'\n\
         thresh pcie:x; said 'expected a PCI address'\n\
         su user -c '/bin/thresh run /net.thresh --digit 0 --device pcie:' 2> /said && fail 22\n\
         said 'permission denied; run thresh as root'\n\
         echo 1 > /sys/bus/pci/devices/0000:00:02.0/remove\n\
         thresh pcie:; said 'no PCIe device has the id 1204:5448'\n\
         pass\n",
    );
    assert_eq!(
        (ended.status, ended.console.contains("\nPASS")),
        (Some(PASSED), true),
        "{ended}"
    );
}

#[test]
fn a_guest_that_fails_does_not_pass() {
    let ended = Guest::new("fail").run("/bin/busybox false || fail 7\npass\n");
    assert_eq!(ended.status, Some(2 * 7 + 1), "{ended}");
    assert!(!ended.console.contains("\nPASS"), "{ended}");
}
