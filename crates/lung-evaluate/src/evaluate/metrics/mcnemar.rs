//! Whether two classifiers differ on the same images.

/// The two-sided p-value of McNemar's exact test (McNemar 1947; exact as in Fagerland et al. 2013): of the images that one
/// of two classifiers calls rightly, how many each does.
///
/// Given only that there are `first + second` of those, each is either's with probability 1/2 if the two are alike. 1 where
/// there are none.
pub fn mcnemar(first: usize, second: usize) -> f64 {
    let n = first + second;
    // Sums of n choose k over 2^n by logarithms: both are far out of range for some hundred images.
    let half = -(n as f64) * std::f64::consts::LN_2;
    let mut log_choose = 0.0;
    let mut tail = 0.0;
    for k in 0..=first.min(second) {
        if k > 0 {
            log_choose += ((n - k + 1) as f64 / k as f64).ln();
        }
        tail += (log_choose + half).exp();
    }
    (2.0 * tail).min(1.0)
}

/// A p-value as a table has it.
pub fn p_in_words(p: f64) -> String {
    if p < 1e-3 {
        "< 0.001".to_owned()
    } else {
        format!("{p:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::mcnemar;

    #[test]
    fn it_agrees_with_published_values() {
        // Fagerland, Lydersen and Laake 2013 (BMC Medical Research Methodology 13:91), tables 1 and 2, exact conditional:
        // 1 and 7 discordant pairs, p = 0.0703; 6 and 16, p = 0.0525.
        for (first, second, p) in [(1, 7, 0.0703), (7, 1, 0.0703), (6, 16, 0.0525)] {
            assert!(
                (mcnemar(first, second) - p).abs() < 5e-5,
                "{}",
                mcnemar(first, second)
            );
        }
    }

    #[test]
    fn the_edges_by_hand() {
        assert_eq!(mcnemar(0, 0), 1.0);
        assert!((mcnemar(0, 5) - 2.0 / 32.0).abs() < 1e-12);
        assert_eq!(mcnemar(3, 3), 1.0);
        assert!((mcnemar(2, 3) - 1.0).abs() < 1e-12);
        // So many that neither the binomial coefficients nor 2^n are numbers any more.
        let p = mcnemar(900, 1100);
        assert!((7e-6..9e-6).contains(&p), "{p}");
    }
}
