//! Where things come from: signatures of model files, the bill of materials, and labels for generated content.
//!
//! [`signing`] writes and checks signatures in the format of OpenSSF's model signing, so that other tools of that format
//! and this program check each other's; [`bom`] lists what the program and a model are made of in CycloneDX; [`label`] marks
//! content as generated in the way the Chinese labelling measures ask for. Nothing here knows what is inside a model.

pub mod bom;
pub mod label;
pub mod signing;
