//! Numbers to the device and back.
//!
//! burn's own ways do more: they convert between types and rearrange what is not contiguous, with kernels that would be
//! most of what a browser has to download.

use burn::backend::{BackendTensor, DispatchDevice, DispatchKindConversion, DispatchTensor};
use burn::tensor::{DType, Device, Tensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::CubeElement as _;

/// A tensor of this shape on `device`.
///
/// # Panics
/// When the shape has not as many places as there are values, or for a device that [`super::supports`] refuses.
#[allow(clippy::panic)] // As burn's operators do.
pub fn upload<const D: usize>(values: &[f32], shape: [usize; D], device: &Device) -> Tensor<D> {
    assert_eq!(
        values.len(),
        shape.iter().product::<usize>(),
        "the shape does not fit"
    );
    #[allow(unreachable_patterns)] // Where there is no other backend.
    let device = match device.as_dispatch() {
        DispatchDevice::Cube(device) => device.clone(),
        other => panic!("no fused kernels on {other:?}"),
    };
    super::register_operations();
    let client = device.client();
    let handle = client.create_from_slice(f32::as_bytes(values));
    let tensor = CubeTensor::new_contiguous(client, device, shape.into(), handle, DType::F32);
    Tensor::from_dispatch(DispatchTensor::from_backend(
        BackendTensor::<CubeBackend>::Float(tensor),
    ))
}

/// The values of a tensor that a kernel here or [`upload`] made.
///
/// # Errors
/// What the device said when it did not give them back.
pub async fn download(tensor: Tensor<1>) -> Result<Vec<f32>, String> {
    let [len] = tensor.dims();
    let tensor: BackendTensor<CubeBackend> =
        DispatchTensor::try_into_backend(tensor.into_dispatch())?;
    let BackendTensor::Float(tensor) = tensor else {
        return Err("the tensor holds no floating-point numbers".to_owned());
    };
    if tensor.dtype != DType::F32 || !tensor.is_contiguous() {
        return Err("the tensor is not as a fused kernel leaves it".to_owned());
    }
    let read = tensor.client.read_async(vec![tensor.handle]).await;
    let bytes = read.map_err(|error| error.to_string())?;
    let values = bytes
        .iter()
        .flat_map(|bytes| bytes.chunks_exact(size_of::<f32>()))
        .map(|value| f32::from_le_bytes([value[0], value[1], value[2], value[3]]))
        .take(len)
        .collect::<Vec<f32>>();
    match values.len() == len {
        true => Ok(values),
        false => Err(format!("{} values came back, not {len}", values.len())),
    }
}
