"""The steps after a layer as functions of it: forwards, backwards, in float32."""
