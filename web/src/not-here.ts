// Takes the place of a module that a browser does not have.
export default undefined
