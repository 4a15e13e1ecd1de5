//! Coloured text as tmux captures it, made into canonical lines and back.
