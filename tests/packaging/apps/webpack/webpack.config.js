export default {
  mode: "production",
  entry: {
    default: "./default.js",
    inline: "./inline.js",
    slim: "./slim.js",
    worker: "./worker.js",
  },
};
