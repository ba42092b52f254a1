//! AI models (Compose spec, “models”).

use super::Extensions;
use super::record::record;

record! {
    /// A model of the project.
    pub struct Model {
        /// Its name.
        pub name: String,
        /// The model's image.
        pub model: String,
        /// Size of its context.
        pub context_size: i64,
        /// Flags of its runtime.
        pub runtime_flags: Vec<String>,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}

record! {
    /// How a service uses a model.
    pub struct ModelReference {
        /// The variable that gets the endpoint's address.
        pub endpoint_var: String,
        /// The variable that gets the model's name.
        pub model_var: String,
        /// The `x-*` keys.
        #[serde(rename = "#extensions")]
        pub extensions: Extensions,
    }
}
