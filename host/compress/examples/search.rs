use std::{ops::ControlFlow, time::Instant, path::Path};
use thresh_compress::*;
use thresh_model::network::{Weights, Operator};
struct P(Instant);
impl Progress for P {
    fn stage(&mut self, i: &StageInfo) { println!("{i:?} at {:.1}", self.0.elapsed().as_secs_f64()); }
    fn epoch(&mut self, e: &EpochInfo) -> ControlFlow<()> { println!("{:>9} {:3} loss {:.4} acc {:.4} w {} t {:.1}", e.stage, e.epoch, e.loss, e.accuracy, e.weights, self.0.elapsed().as_secs_f64()); ControlFlow::Continue(()) }
}
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let data = Data::read(&Path::new(&std::env::var("THRESH_DATA").unwrap()).join("mnist")).unwrap();
    let (mut t, mut c) = (TrainOptions::default(), DeepCompressionOptions::default());
    let mut data = data; let mut folder = None;
    for a in &args { let (k, v) = a.split_once('=').unwrap();
        match k { "hold" => data = data.hold_out(v.parse().unwrap()).unwrap(), "first" => { data = data.first(v.parse().unwrap(), 1 << 30).unwrap() } , "folder" => folder = Some(v.to_string()),
            _ => if let Some(k) = k.strip_prefix("t.") { t.set(k, v).unwrap() } else { c.set(k, v).unwrap() } } }
    println!("train {} | compress {}", t.line(), c.line());
    let start = Instant::now();
    let mut p = P(start);
    let net = train(&t, &data, &mut Context { folder: folder.clone().map(|f| format!("{f}/{}-{}", data.hash(), t.line().replace([' ', '='], "_")).into()), command: String::new(), progress: &mut p }).unwrap();
    let out = DeepCompression { options: c }.run(&net, &data, &mut Context { folder: None, command: String::new(), progress: &mut p }).unwrap();
    if let Ok(p) = std::env::var("OUT") { out.save(Path::new(&p)).unwrap() }
    let mut bits = 0.0;
    for l in &out.layers { let Operator::Dense { inputs, outputs } = l.operator; let Weights::Shared { codebook, codes } = &l.weights else { panic!() };
        let n = codes.iter().filter(|c| **c != 0).count();
        let mut h = vec![0usize; 256]; codes.iter().for_each(|c| h[*c as usize] += 1);
        let e: f64 = h[1..].iter().filter(|x| **x > 0).map(|x| -(*x as f64) * (*x as f64 / n as f64).log2()).sum();
        let li: Vec<usize> = (0..inputs).map(|i| (0..outputs).filter(|o| codes[o * inputs + i] != 0).count()).collect();
        let live_in = li.iter().filter(|x| **x > 0).count();
        let live_out = (0..outputs).filter(|o| (0..inputs).any(|i| codes[o * inputs + i] != 0)).count();
        let b = 4.6 * n as f64 + e + live_in as f64 * 8.0 * 1.4 + live_out as f64 * 16.0 + codebook.len() as f64 * 16.0;
        bits += b;
        println!("{}: {n} weights, {live_in} of {inputs} in, {live_out} of {outputs} out, code entropy {:.2}, single cols {}, {:.0} bytes, codebook {}", l.name, e / n as f64, li.iter().filter(|x| **x == 1).count(), b / 8.0, codebook.len());
    }
    println!("RESULT bytes {:.0} acc {:?} time {:.0}", bits / 8.0, out.provenance.iter().filter(|(k, _)| k.contains("accuracy")).map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>(), start.elapsed().as_secs_f64());
}
