//! Training on a GPU against training on the CPU.
//!
//! It needs a graphics adapter that burn finds; one in software serves (Debian: `apt install mesa-vulkan-drivers`).

// A helper of a test fails as the test does.
#![allow(clippy::unwrap_used)]

use lung_train::augment::Augmentation;
use lung_train::config::{FineTuneStage, HeadStage, TrainConfig};
use lung_train::data::write_phantoms;
use lung_train::train::{TrainOptions, TrainingDevice, read_epochs, train};
use tempfile::TempDir;

/// Steps that are compared. An epoch is one step, so that the log holds the loss of each.
const STEPS: usize = 20;

/// Steps after which the training on the GPU is killed and resumed.
const KILLED_AFTER: usize = 8;

#[test]
fn losses_on_a_gpu_are_those_of_the_cpu_for_twenty_steps() {
    TrainingDevice::Gpu
        .open()
        .expect("this test needs a graphics adapter, if only in software");
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    write_phantoms(&data, 3, 1).unwrap();
    let config = TrainConfig {
        batch: 16,
        validation: 0.0,
        cross_fit: false,
        dropout: 0.0,
        detail: 64,
        augmentation: Augmentation::NONE,
        head: HeadStage {
            epochs: 0,
            ..HeadStage::default()
        },
        fine_tune: FineTuneStage {
            epochs: STEPS,
            side: vec![64],
            // A fifteenth of the usual and less. AdamW moves a number by its learning rate however small the gradient is: the last bits
            // of a sum decide where those go whose gradient is next to nothing, and large steps multiply that. Losses differ by at
            // most 0.0002 here, with a rate of 0.001 by 0.0013.
            learning_rate: 3e-4,
            head_learning_rate: 2e-4,
            ..FineTuneStage::default()
        },
        ..TrainConfig::default()
    };
    let run = |device: TrainingDevice| {
        let mut options = TrainOptions {
            data: vec![data.clone()],
            pretrained: None,
            out: folder.path().join(device.to_string()),
            config: config.clone(),
            device,
            resume: false,
            skip_unreadable: false,
            leave_out: Vec::new(),
            description: None,
            allow_duplicates: false,
            stop_after: Some(KILLED_AFTER),
        };
        assert!(train(&options).unwrap().is_none());
        options.resume = true;
        options.stop_after = None;
        train(&options).unwrap().unwrap();
        let epochs = read_epochs(&options.out).unwrap();
        epochs.iter().map(|epoch| epoch.train_loss).collect()
    };
    let [cpu, gpu]: [Vec<f64>; 2] = [TrainingDevice::Cpu, TrainingDevice::Gpu].map(run);
    assert_eq!([cpu.len(), gpu.len()], [STEPS; 2]);
    // The network learns, so that equal losses say something.
    assert!(cpu[STEPS - 1] < cpu[0] - 0.1, "{cpu:?}");
    for (step, (cpu, gpu)) in cpu.iter().zip(&gpu).enumerate() {
        assert!(
            (cpu - gpu).abs() < 1e-3,
            "step {}: {cpu} on the CPU, {gpu} on the GPU",
            step + 1
        );
    }
}
