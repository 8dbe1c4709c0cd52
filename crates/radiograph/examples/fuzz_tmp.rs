#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]
use radiograph::Radiograph;
fn main() {
    std::panic::set_hook(Box::new(|i| eprintln!("PANIC {i}")));
    let rounds: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let mut paths: Vec<_> = std::fs::read_dir("/tmp/mpl/fuzz")
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    paths.sort();
    for p in paths {
        let file = std::fs::read(&p).unwrap();
        let t = std::time::Instant::now();
        let r = Radiograph::decode(&file);
        println!(
            "{:40} {:?} {:?}",
            p.file_name().unwrap().to_string_lossy(),
            r.map(|r| (
                r.width(),
                r.height(),
                r.source().clone(),
                r.luma().iter().map(|v| f64::from(*v)).sum::<f64>() / r.luma().len() as f64
            )),
            t.elapsed()
        );
        if file.len() > 300_000 {
            continue;
        }
        let mut s = 99u64;
        let mut rnd = move || {
            s = s.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = s;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        let (mut ok, mut slow) = (0, std::time::Duration::ZERO);
        for round in 0..rounds {
            let mut b = file.clone();
            for _ in 0..=(rnd() % 5) {
                let n = b.len() as u64;
                let at = (match rnd() % 4 {
                    0 => rnd() % n.min(64),
                    1 => rnd() % n.min(400),
                    2 => n - 1 - rnd() % n.min(200),
                    _ => rnd() % n,
                }) as usize;
                match rnd() % 4 {
                    0 => b[at] = 0xff,
                    1 => b[at] = 0,
                    2 => b[at] = rnd() as u8,
                    _ => b[at] ^= 1 << (rnd() % 8),
                }
            }
            if rnd() % 16 == 0 {
                let n = (rnd() % b.len() as u64) as usize;
                b.truncate(n);
            }
            let t = std::time::Instant::now();
            let r = Radiograph::decode(&b);
            slow = slow.max(t.elapsed());
            match r {
                Ok(_) => ok += 1,
                Err(e) => {
                    if format!("{e}").contains("gave up") {
                        println!("  PANIC round {round}");
                        std::fs::write(
                            format!(
                                "/tmp/mpl/crash_{}_{round}",
                                p.file_name().unwrap().to_string_lossy()
                            ),
                            &b,
                        )
                        .unwrap();
                    }
                }
            }
        }
        println!("    ok {ok}/{rounds} slowest {slow:?}");
    }
    println!(
        "{}",
        std::fs::read_to_string("/proc/self/status")
            .unwrap()
            .lines()
            .find(|l| l.starts_with("VmHWM"))
            .unwrap()
    );
}
