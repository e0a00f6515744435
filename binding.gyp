# Delegates to CMakeLists.txt, so that node-gyp, node-gyp-build and prebuildify all reach the one build.
{
  'targets': [
    {
      'target_name': 'quern',
      'type': 'none',
      'actions': [
        {
          'action_name': 'cmake',
          'inputs': ['CMakeLists.txt'],
          'outputs': ['<(PRODUCT_DIR)/quern.node'],
          'action': ['node', 'scripts/native.mjs'],
        },
      ],
    },
  ],
}
