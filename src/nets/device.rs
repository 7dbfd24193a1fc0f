//! Where networks run, and what of the hardware their last bits depend on.

use crate::error::{Error, Result};

pub use candle_core::Device;

/// Opens the device of this name: `cpu`, `cuda` or `metal`.
///
/// # Errors
/// When this taqsim was built without it, or the machine has none.
pub fn open_device(name: &str) -> Result<Device> {
    let (is_there, opened) = match name {
        "cuda" => (cfg!(feature = "cuda"), Device::new_cuda(0)),
        "metal" => (cfg!(feature = "metal"), Device::new_metal(0)),
        _ => (true, Ok(Device::Cpu)),
    };
    if !is_there {
        return Err(Error::usage(format!("cannot run on `{name}`: this taqsim was built without it"))
            .hint(format!("cargo install taqsim --features {name}, or take `device = \"cpu\"`")));
    }
    opened.map_err(|cause| Error::world(format!("cannot run on `{name}`: {cause}")))
}

/// The backend and the class of hardware that numbers from this device depend on in their last bits.
///
/// candle's matrix products pick their kernels by the features of the CPU: with AVX2 and FMA they round otherwise than
/// without.
pub fn numerics(device: &str) -> String {
    match device {
        "cpu" => format!("candle-0.11 {}", cpu_class()),
        device => format!("candle-0.11 {device}"),
    }
}

#[cfg(target_arch = "x86_64")]
fn cpu_class() -> &'static str {
    let has_v3 = std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma");
    if has_v3 { "x86-64-v3" } else { "x86-64" }
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu_class() -> &'static str {
    std::env::consts::ARCH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerics_say_backend_and_class() {
        assert!(numerics("cpu").starts_with("candle-0.11 "));
        assert_ne!(numerics("cpu"), numerics("cuda"));
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_device_that_was_not_built_in_says_how_to_get_it() {
        let error = open_device("cuda").unwrap_err();
        assert!(error.hints[0].contains("--features cuda"), "{error:?}");
        assert!(open_device("cpu").is_ok());
    }
}
