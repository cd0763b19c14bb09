"""The TFDS data set `event_collections`; importing it registers the builder (extra `tfds`)."""

from atlas_keras.data.event_collections.builder import CollectionConfig, EventCollections, collection_config

__all__ = ["CollectionConfig", "EventCollections", "collection_config"]
