/** Static files in `out`, for any web server. @type {import('next').NextConfig} */
export default { output: 'export' };
