module.exports = {
  testMatch: ["**/*.test.cjs"],
  moduleFileExtensions: ["cjs", "js"],
  transform: {},
};
