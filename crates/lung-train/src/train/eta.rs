//! How long a run still takes, and whether it is worth its while.

use super::log::{EpochLog, Stage};
use crate::config::TrainConfig;

/// The seconds that this training and `more` like it still take, by its epochs so far; `None` where nothing is left, and before the
/// first epoch of the network itself, which takes nearly all the time.
///
/// An epoch takes as long as its images have pixels.
fn seconds_left(config: &TrainConfig, epochs: &[EpochLog], more: usize) -> Option<f64> {
    let stage = &config.fine_tune;
    let pixels = |epoch: usize| {
        let side = stage.side.get(epoch).or(stage.side.last()).copied();
        (side.unwrap_or_default() as f64).powi(2)
    };
    let of = |wanted: Stage| epochs.iter().filter(move |epoch| epoch.stage == wanted);
    let head: f64 = of(Stage::Head).map(|epoch| epoch.seconds).sum();
    let done = of(Stage::FineTune).count();
    let last = of(Stage::FineTune).next_back();
    let (each, rest) = match last {
        Some(last) => {
            let second = last.seconds / pixels(done - 1).max(1.0);
            let sum = |range: std::ops::Range<usize>| range.map(pixels).sum::<f64>() * second;
            (sum(0..stage.epochs), sum(done..stage.epochs))
        }
        None if stage.epochs == 0 => {
            let own = of(Stage::Head).count();
            let epoch = head / own.max(1) as f64;
            (0.0, epoch * config.head.epochs.saturating_sub(own) as f64)
        }
        None => return None,
    };
    let left = rest + more as f64 * (head + each);
    (left > 0.0).then_some(left)
}

/// The rest of a run in a sentence; `None` where nothing can be said.
pub(super) fn left(config: &TrainConfig, epochs: &[EpochLog], more: usize) -> Option<String> {
    let seconds = in_words(seconds_left(config, epochs, more)?);
    Some(match more {
        0 => format!("about {seconds} left of this training"),
        more => format!("about {seconds} left of this training and {more} more"),
    })
}

/// The validation loss of each epoch of the network itself.
pub(super) fn losses(epochs: &[EpochLog]) -> Vec<Option<f64>> {
    let epochs = epochs.iter().filter(|epoch| epoch.stage == Stage::FineTune);
    epochs.map(|epoch| epoch.validation_loss).collect()
}

/// Whether the last `patience` losses are none below what came before.
pub(super) fn has_stalled(losses: &[Option<f64>], patience: usize) -> bool {
    let best = |part: &[Option<f64>]| part.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    let Some(before) = losses
        .len()
        .checked_sub(patience)
        .filter(|before| *before > 0)
    else {
        return false;
    };
    best(&losses[..before]) <= best(&losses[before..])
}

/// `2 h 05 min`, `12 min`, `40 s`.
fn in_words(seconds: f64) -> String {
    let whole = seconds.round().max(1.0) as u64;
    let minutes = whole.div_ceil(60);
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{minutes} min"),
        _ => format!("{} h {:02} min", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(stage: Stage, seconds: f64) -> EpochLog {
        EpochLog {
            stage,
            epoch: 1,
            train_loss: 1.0,
            train_accuracy: 0.5,
            validation_loss: None,
            validation_accuracy: None,
            validation_by_source: Default::default(),
            from_layer: None,
            seconds,
        }
    }

    #[test]
    fn the_rest_of_all_trainings_is_counted_by_pixels() {
        let mut config = TrainConfig::default();
        config.head.epochs = 1;
        config.fine_tune.epochs = 3;
        config.fine_tune.side = vec![112, 224];
        let head = epoch(Stage::Head, 10.0);
        assert_eq!(seconds_left(&config, std::slice::from_ref(&head), 4), None);
        // An epoch at half the side took 5 s, so two at the whole take 20 s each; another training 10 + 45 s.
        let epochs = [head, epoch(Stage::FineTune, 5.0)];
        assert_eq!(seconds_left(&config, &epochs, 0), Some(40.0));
        assert_eq!(seconds_left(&config, &epochs, 4), Some(40.0 + 4.0 * 55.0));
        config.fine_tune.epochs = 1;
        assert_eq!(seconds_left(&config, &epochs, 0), None);
        assert_eq!(in_words(7500.0), "2 h 05 min");
        assert_eq!(in_words(61.0), "2 min");
        assert_eq!(in_words(40.2), "40 s");
    }

    #[test]
    fn a_loss_that_does_not_fall_for_as_long_as_patience_lasts_has_stalled() {
        let losses = |values: &[f64]| values.iter().copied().map(Some).collect::<Vec<_>>();
        assert!(!has_stalled(&losses(&[1.0, 0.9, 0.95]), 2));
        assert!(has_stalled(&losses(&[1.0, 0.9, 0.95, 0.9]), 2));
        assert!(!has_stalled(&losses(&[1.0, 0.9, 0.95, 0.8]), 2));
        assert!(!has_stalled(&losses(&[1.0, 2.0]), 2));
        assert!(!has_stalled(&[], 3));
    }
}
