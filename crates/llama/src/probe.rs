use crate::ffi::*;
#[test]
fn probe() {
    let path = std::env::var("BRISK_TEST_MODEL").unwrap();
    let (mut m, _) = Machine::load(path.as_ref(), &Setup { threads: 2, context: 4096, sequences: 2, flash_attention: false }).unwrap();
    let text = format!("{}\n{}\n{}", include_str!("../bench-data/parser.rs"), include_str!("../bench-data/config.rs"), include_str!("../bench-data/matrix.py"));
    let toks = crate::vocabulary::plain(m.model(), text.as_bytes());
    let n = toks.len().min(480);
    // reference: one by one in sequence 0
    let mut reference: Vec<Vec<f32>> = Vec::new();
    for i in 0..n { m.step(0, i, &toks[i..i+1], 1, &|| false).unwrap(); reference.push(m.logits(0).unwrap().to_vec()); }
    for (label, size) in [("4", 4usize), ("8", 8), ("16", 16), ("32", 32), ("64", 64)] {
        m.truncate(1, 0);
        let mut worst = 0f32; let mut flips = Vec::new(); let mut close = [0; 6]; let mut sum = 0f64; let mut maxgapshift = Vec::new();
        let mut i = 0;
        while i < n {
            let e = n.min(i + size);
            m.step(1, i, &toks[i..e], e - i, &|| false).unwrap();
            for k in 0..e - i {
                let row = m.logits(k).unwrap(); let r = &reference[i + k];
                let top = |v: &[f32]| { let mut a = (0usize, f32::MIN); let mut b = (0usize, f32::MIN); for (j, &x) in v.iter().enumerate() { if x > a.1 { b = a; a = (j, x); } else if x > b.1 { b = (j, x); } } (a, b) };
                let (a, b) = top(r); let (c, d) = top(row);
                let gap = a.1 - b.1; let gap2 = c.1 - d.1;
                for (j, lim) in [0.05, 0.1, 0.2, 0.3, 0.5, 1.0].iter().enumerate() { if gap2 < *lim { close[j] += 1; } }
                let shift = ((r[a.0] - r[b.0]) - (row[a.0] - row[b.0])).abs();
                maxgapshift.push(shift);
                sum += shift as f64; worst = worst.max(shift);
                if a.0 != c.0 { flips.push((i + k, gap, gap2)); }
            }
            i = e;
        }
        maxgapshift.sort_by(f32::total_cmp);
        eprintln!("batch {label}: mean shift {:.4} p50 {:.4} p90 {:.4} p99 {:.4} worst {worst:.4} flips {flips:?} close(<.05,.1,.2,.3,.5,1)/{n} {close:?}", sum / n as f64, maxgapshift[n/2], maxgapshift[n*9/10], maxgapshift[n*99/100]);
    }
}
