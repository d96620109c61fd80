// Takes the place of a package that the page does not need.
export default undefined
