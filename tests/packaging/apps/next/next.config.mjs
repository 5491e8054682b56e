// There are other projects in the folders above.
export default { turbopack: { root: import.meta.dirname } };
